//! A connection comes and goes.

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, ReturnValue, WriteRequest};
use domain::channel::Channel;
use domain::connection::ConnectionId;
use domain::time::{Millis, Seconds};

use super::Subscribers;
use crate::aws::row::{Attributes, VERSION, built, condition_failed, number, past_conflicts, text, wait_for_units};
use crate::error::Error;

/// API Gateway closes a connection after two hours, in seconds.
const LONGEST_CONNECTION: i64 = 2 * 60 * 60;

/// A row outlives its connection by this, in seconds, so that no clock's error deletes it too early.
const MARGIN: i64 = 5 * 60;

/// While a connection is as young as this, in milliseconds, its `$connect` may still be running.
const YOUNG: i64 = 30_000;

/// The most rows of one `BatchWriteItem`.
const BATCH: usize = 25;

pub(super) fn is_young(connected_at: Millis, now: Millis) -> bool {
    now < connected_at.plus(YOUNG)
}

/// The key of a connection's row in a channel.
pub(super) fn row_key(connection: &ConnectionId, channel: &Channel) -> Attributes {
    [("channel".into(), text(channel.as_str())), ("subscriber".into(), text(connection.sort_key()))].into()
}

/// A connection, as its rows describe it.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Its user's own channel.
    pub inbox: Channel,
    /// When it was opened.
    pub connected_at: Millis,
    /// When its token ends.
    pub token_expires_at: Seconds,
}

impl Connection {
    /// Whether its `$connect` may still be running.
    #[must_use]
    pub fn is_young(&self, now: Millis) -> bool {
        is_young(self.connected_at, now)
    }

    /// Not the token's end: a push that finds the row after that closes the connection, and so must be able to find it.
    fn expires_at(&self) -> Seconds {
        self.connected_at.seconds() + LONGEST_CONNECTION + MARGIN
    }

    /// A row in one of its channels. In somebody else's inbox it says that this is a guest, not the inbox's owner.
    pub(super) fn row(&self, channel: &Channel) -> Attributes {
        let mut row = self.key(channel);
        if channel.is_inbox() && *channel != self.inbox {
            row.insert("guest".into(), AttributeValue::Bool(true));
        }
        row.insert("v".into(), number(VERSION));
        row.insert("connected_at".into(), number(self.connected_at.0));
        row.insert("ends_at".into(), number(self.token_expires_at));
        row.insert("expires_at".into(), number(self.expires_at()));
        row
    }

    pub(super) fn key(&self, channel: &Channel) -> Attributes {
        row_key(&self.id, channel)
    }
}

impl Subscribers {
    /// Writes a new connection's rows, its home first. `false` if `$disconnect` was here before us.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn connect(&self, connection: &Connection, channels: &[Channel]) -> Result<bool, Error> {
        let mut home = connection.row(&connection.inbox);
        if !channels.is_empty() {
            let names = channels.iter().map(ToString::to_string).collect();
            home.insert("channels".into(), AttributeValue::Ss(names));
        }
        let put = self.client.put_item().table_name(&self.table).set_item(Some(home));
        let put = put.condition_expression("attribute_not_exists(gone)");
        match past_conflicts(|| put.clone().send()).await {
            Ok(_) if channels.is_empty() => Ok(true),
            Ok(_) => self.join_first(connection, channels).await,
            Err(e) if condition_failed(&e) => Ok(false),
            Err(error) => Err(Error::call("PutItem of a connection")(error)),
        }
    }

    /// Writes the rows of the channels that the home lists, and takes them back if the home has gone meanwhile: `$disconnect` may
    /// have been at the channels before the rows were. One by one, without a transaction: see [`super::join`].
    async fn join_first(&self, connection: &Connection, channels: &[Channel]) -> Result<bool, Error> {
        self.put_rows(connection, channels).await?;
        if self.home(connection).await?.is_some() {
            return Ok(true);
        }
        self.remove_rows(connection, channels).await?;
        Ok(false)
    }

    /// Removes a connection's rows. One whose `$connect` may still be running leaves a mark in the home's place, which
    /// keeps that from writing rows for a connection that is no more.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn disconnect(&self, connection: &Connection, now: Millis) -> Result<(), Error> {
        if self.take_home(connection).await? || !connection.is_young(now) || self.record_gone(connection).await? {
            return Ok(());
        }
        // The home was written between the two.
        self.take_home(connection).await.map(drop)
    }

    /// Removes the home and what it lists; `false` if there was none.
    async fn take_home(&self, connection: &Connection) -> Result<bool, Error> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(connection.key(&connection.inbox)))
            .condition_expression("attribute_not_exists(gone)")
            .return_values(ReturnValue::AllOld);
        let answer = past_conflicts(|| request.clone().send()).await;
        let home = match answer {
            Ok(answer) => answer.attributes,
            Err(e) if condition_failed(&e) => return Ok(true),
            Err(error) => return Err(Error::call("DeleteItem of a connection")(error)),
        };
        let Some(home) = home else { return Ok(false) };
        self.remove_rows(connection, &listed(&home)).await?;
        Ok(true)
    }

    /// `false` if the home is there after all.
    async fn record_gone(&self, connection: &Connection) -> Result<bool, Error> {
        let mut mark = connection.row(&connection.inbox);
        mark.insert("gone".into(), AttributeValue::Bool(true));
        mark.insert("expires_at".into(), number(connection.connected_at.seconds() + MARGIN));
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(mark))
            .condition_expression("attribute_not_exists(subscriber)")
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(e) if condition_failed(&e) => Ok(false),
            Err(error) => Err(Error::call("PutItem of a closed connection's mark")(error)),
        }
    }

    async fn put_rows(&self, connection: &Connection, channels: &[Channel]) -> Result<(), Error> {
        let put = |channel: &Channel| {
            let put = PutRequest::builder().set_item(Some(connection.row(channel))).build();
            Ok(WriteRequest::builder().put_request(built(put)?).build())
        };
        self.write_all(channels.iter().map(put).collect::<Result<_, Error>>()?).await
    }

    async fn remove_rows(&self, connection: &Connection, channels: &[Channel]) -> Result<(), Error> {
        let delete = |channel: &Channel| {
            let delete = DeleteRequest::builder().set_key(Some(connection.key(channel))).build();
            Ok(WriteRequest::builder().delete_request(built(delete)?).build())
        };
        self.write_all(channels.iter().map(delete).collect::<Result<_, Error>>()?).await
    }

    /// Makes these writes in batches. One may be done in part: what is left is asked for again, until the function's time is up.
    async fn write_all(&self, mut requests: Vec<WriteRequest>) -> Result<(), Error> {
        while !requests.is_empty() {
            let rest = requests.split_off(requests.len().min(BATCH));
            let batch = self.client.batch_write_item().request_items(&self.table, requests);
            let answer = past_conflicts(|| batch.clone().send()).await;
            let answer = answer.map_err(Error::call("BatchWriteItem of a connection's rows"))?;
            requests = answer.unprocessed_items.and_then(|mut left| left.remove(&self.table)).unwrap_or_default();
            if !requests.is_empty() {
                wait_for_units().await;
            }
            requests.extend(rest);
        }
        Ok(())
    }
}

/// The channels that a connection's home lists.
pub(super) fn listed(home: &Attributes) -> Vec<Channel> {
    let names = home.get("channels").and_then(|channels| channels.as_ss().ok());
    names.into_iter().flatten().filter_map(|name| Channel::parse(name).ok()).collect()
}
