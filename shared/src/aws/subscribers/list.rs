//! A channel's subscribers.

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, Select};
use domain::channel::Channel;
use domain::connection::ConnectionId;
use domain::endpoint::Filter;
use domain::endpoint::id::{EndpointId, PREFIX};
use domain::endpoint::lane::Speed;
use domain::segment::Range;
use domain::time::{Millis, Seconds};
use futures_util::future::ready;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;

use super::Subscribers;
use super::connection::row_key;
use super::connection::{is_young, listed};
use crate::aws::row::{Attributes, condition_failed, from_row, is_conflict, number, number_in, past_conflicts, text};
use crate::clock;
use crate::error::Error;

/// The number of rows of a gone connection that are removed at once.
const AT_ONCE: usize = 16;

/// A count reads so many pages, each of as many rows as it counts to, and of 1 MB at most. Nearly all rows count: those of connections
/// that have expired, or that read somebody else's inbox, do not.
const ANSWERS: usize = 2;

/// A user's own connections are looked for among so many rows of their inbox.
const OWN: i32 = 1_000;

/// A connection in a channel.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// The connection.
    pub connection: ConnectionId,
    /// When it was opened: a removal names it, so that it removes what it saw and nothing newer.
    pub connected_at: Millis,
    /// When its token expires.
    pub ends_at: Seconds,
    /// Whether it reads somebody else's inbox.
    pub is_guest: bool,
}

impl Subscriber {
    /// Whether its `$connect` may still be running: then it answers 410, and wants its row all the same.
    #[must_use]
    pub fn is_young(&self, now: Millis) -> bool {
        is_young(self.connected_at, now)
    }

    /// Whether its token has expired: it must be given nothing any more.
    #[must_use]
    pub fn has_ended(&self, now: Millis) -> bool {
        self.ends_at <= now.seconds()
    }
}

/// An endpoint in a channel, as far as it matters to what goes there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ListedEndpoint {
    /// The endpoint.
    pub id: EndpointId,
    /// Which notifications go there.
    #[serde(flatten)]
    pub filter: Filter,
    /// The number of replays.
    #[serde(default)]
    pub replays: u32,
    /// Its speed, as far as is known.
    #[serde(flatten)]
    pub speed: Speed,
    #[serde(default)]
    disabled_at: Option<Millis>,
}

/// A part of a channel's subscribers.
#[derive(Debug)]
pub struct SubscribersPage {
    /// The connections that are not gone.
    pub subscribers: Vec<Subscriber>,
    /// The endpoints that are not disabled. They come behind all connections.
    pub endpoints: Vec<ListedEndpoint>,
    /// The last key that was read, if there are more.
    pub last: Option<String>,
    /// Why one of the rows could not be read: nobody knows what its subscriber is to be given.
    unreadable: Option<Error>,
}

impl SubscribersPage {
    /// Takes the page for what it is only if all of it could be read. To be asked when all others are served.
    ///
    /// # Errors
    /// [`Error::Unreadable`].
    pub fn check_whole(&mut self) -> Result<(), Error> {
        self.unreadable.take().map_or(Ok(()), Err)
    }

    /// The last key that was read, if there are more connections behind it.
    #[must_use]
    pub fn last_connection(&self) -> Option<&str> {
        self.last.as_deref().filter(|last| !last.starts_with(PREFIX))
    }
}

#[derive(Deserialize)]
struct SubscriberRow {
    subscriber: String,
    connected_at: Millis,
    ends_at: Seconds,
    #[serde(default)]
    gone: bool,
    #[serde(default)]
    guest: bool,
}

fn key_of(row: &Attributes) -> Option<&str> {
    row.get("subscriber")?.as_s().ok().map(String::as_str)
}

fn is_endpoint(row: &Attributes) -> bool {
    key_of(row).is_some_and(|key| key.starts_with(PREFIX))
}

/// The subscribers in these rows. One that cannot be read does not hide the others.
fn page(rows: Vec<Attributes>) -> SubscribersPage {
    let now = clock::now().seconds();
    let mut page = SubscribersPage { subscribers: Vec::new(), endpoints: Vec::new(), last: None, unreadable: None };
    let is_kept = |row: &Attributes| number_in(row, "expires_at").is_none_or(|expires_at: Seconds| expires_at > now);
    for row in rows.into_iter().filter(is_kept) {
        let read = if is_endpoint(&row) { page.add_endpoint(row) } else { page.add_connection(row) };
        page.unreadable = page.unreadable.take().or(read.err());
    }
    page
}

impl SubscribersPage {
    fn add_endpoint(&mut self, row: Attributes) -> Result<(), Error> {
        let listed = from_row::<ListedEndpoint>(row)?;
        self.endpoints.extend(Some(listed).filter(|listed| listed.disabled_at.is_none()));
        Ok(())
    }

    fn add_connection(&mut self, row: Attributes) -> Result<(), Error> {
        let SubscriberRow { subscriber, connected_at, ends_at, gone, guest } = from_row(row)?;
        let connection = ConnectionId::from_sort_key(&subscriber)
            .ok_or_else(|| Error::Unreadable(format!("{subscriber} is no subscriber's key")))?;
        if !gone {
            self.subscribers.push(Subscriber { connection, connected_at, ends_at, is_guest: guest });
        }
        Ok(())
    }
}

impl Subscribers {
    /// The first of a range of a channel's subscribers, at most so many rows, read consistently: who subscribed before the
    /// notification was stored is among them. The range of all has the endpoints at its end.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn page(&self, channel: &Channel, range: &Range, most: i32) -> Result<SubscribersPage, Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("channel = :channel")
            .expression_attribute_values(":channel", text(channel.as_str()))
            .consistent_read(true)
            .limit(most);
        if !range.digits.is_empty() {
            // No endpoints are in it, so of a row this is all that matters.
            query = query
                .projection_expression("subscriber, v, connected_at, ends_at, expires_at, gone, guest")
                .key_condition_expression("channel = :channel AND begins_with(subscriber, :digits)")
                .expression_attribute_values(":digits", text(&range.digits));
        }
        if let Some(after) = &range.after {
            query = query
                .exclusive_start_key("channel", text(channel.as_str()))
                .exclusive_start_key("subscriber", text(after));
        }
        let answer = query.send().await.map_err(Error::call("Query of subscribers"))?;
        let last = answer.last_evaluated_key.and_then(|mut key| key.remove("subscriber"));
        let is_before_end = |key: &str| range.until.as_deref().is_none_or(|until| key < until);
        let rows = answer.items.unwrap_or_default().into_iter();
        let is_in = |row: &Attributes| range.until.is_none() || key_of(row) <= range.until.as_deref();
        let mut page = page(rows.filter(is_in).collect());
        page.last = last.and_then(|key| key.as_s().ok().cloned()).filter(|last| is_before_end(last));
        Ok(page)
    }

    /// A connection, if it still listens to a channel.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn find(&self, channel: &Channel, connection: &ConnectionId) -> Result<Option<Subscriber>, Error> {
        let only = Range { digits: connection.sort_key(), ..Range::default() };
        let mut page = self.page(channel, &only, 1).await?;
        page.check_whole()?;
        Ok(page.subscribers.into_iter().find(|found| found.connection == *connection))
    }

    /// A page of nothing but a channel's endpoints, all that are not disabled.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn listed(&self, channel: &Channel) -> Result<SubscribersPage, Error> {
        let mut rows = Vec::new();
        let mut from = None;
        loop {
            let query = self.query_endpoints(channel, PREFIX).consistent_read(true).set_exclusive_start_key(from);
            let answer = query.send().await.map_err(Error::call("Query of endpoints"))?;
            rows.extend(answer.items.unwrap_or_default());
            from = answer.last_evaluated_key;
            if from.is_none() {
                return Ok(page(rows));
            }
        }
    }

    /// The live connections of an inbox's owner, this moment's among them, as far as they are among the first 1,000 connections that
    /// listen to it.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn own(&self, inbox: &Channel) -> Result<Vec<Subscriber>, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("channel = :channel AND subscriber < :endpoints")
            .projection_expression("subscriber, v, connected_at, ends_at, expires_at, gone, guest")
            .expression_attribute_values(":channel", text(inbox.as_str()))
            .expression_attribute_values(":endpoints", text(PREFIX))
            .consistent_read(true)
            .limit(OWN);
        let answer = query.send().await.map_err(Error::call("Query of a user's connections"))?;
        // One that cannot be read expires within two hours.
        let SubscribersPage { subscribers, .. } = page(answer.items.unwrap_or_default());
        Ok(subscribers.into_iter().filter(|subscriber| !subscriber.is_guest).collect())
    }

    /// The number of connections of a channel, or of an inbox's owner, counted to `most`.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn count(&self, channel: &Channel, most: usize) -> Result<usize, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("channel = :channel AND subscriber < :endpoints")
            .filter_expression(
                "ends_at > :now AND expires_at > :now AND attribute_not_exists(gone) AND attribute_not_exists(guest)",
            )
            .expression_attribute_values(":channel", text(channel.as_str()))
            .expression_attribute_values(":endpoints", text(PREFIX))
            .expression_attribute_values(":now", number(clock::now().seconds()));
        Self::counted(query, most).await
    }

    /// The number of rows that a query finds, counted to `most`. It looks at twice as many rows at most, whatever they hold.
    pub(super) async fn counted(query: QueryFluentBuilder, most: usize) -> Result<usize, Error> {
        let query = query.select(Select::Count).limit(i32::try_from(most).unwrap_or(i32::MAX));
        let (mut count, mut from) = (0, None);
        for _ in 0..ANSWERS {
            let page = query.clone().set_exclusive_start_key(from).send();
            let answer = page.await.map_err(Error::call("Query that counts subscribers"))?;
            count += usize::try_from(answer.count).unwrap_or_default();
            from = answer.last_evaluated_key;
            if count >= most || from.is_none() {
                break;
            }
        }
        Ok(count.min(most))
    }

    /// Forgets a connection in one channel, if its row is still the one that was seen, and nobody else writes it. In its user's
    /// own channel that is its home, and with it go its rows in all channels that it had joined. `false` if DynamoDB throttles, or
    /// another write is under way there: the row stays.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn forget(&self, channel: &Channel, seen: &Subscriber) -> Result<bool, Error> {
        // A throttled removal is worth no second try: the next post to the connection finds it gone as well.
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(row_key(&seen.connection, channel)))
            .condition_expression("connected_at = :seen")
            .expression_attribute_values(":seen", number(seen.connected_at.0))
            .return_values(ReturnValue::AllOld)
            .customize()
            .config_override(once)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let channels = listed(&answer.attributes.unwrap_or_default());
                self.leave_all(&seen.connection, &channels).await.map(|()| true)
            }
            Err(e) if condition_failed(&e) => Ok(true),
            Err(e) if is_conflict(e.code()) => Ok(false),
            Err(error) => Err(Error::call("DeleteItem of a gone connection")(error)),
        }
    }

    /// Removes a gone connection's rows one by one: a function that sends may delete rows, and not write batches.
    async fn leave_all(&self, gone: &ConnectionId, channels: &[Channel]) -> Result<(), Error> {
        let mut removals = Vec::new();
        for channel in channels {
            removals.push(self.client.delete_item().table_name(&self.table).set_key(Some(row_key(gone, channel))));
        }
        stream::iter(removals)
            .map(|removal| async move { past_conflicts(|| removal.clone().send()).await })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| ready(Ok(())))
            .await
            .map_err(Error::call("DeleteItem of a gone connection"))
    }
}
