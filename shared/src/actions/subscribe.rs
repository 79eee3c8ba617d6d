//! Joining a channel and catching up with it.
//!
//! The subscriber's row is written first and the log read second; a send appends first and reads subscribers second;
//! all consistently. So each notification reaches a new subscriber by push or by replay.

use domain::channel::Channel;
use domain::claims::{Claims, MAX_CHANNELS};
use domain::frame::Position;
use domain::item::frames;
use domain::refusal::{Code, Refusal};
use domain::seq::Seq;
use serde_json::Value;

use super::{Inboxes, Reading};
use crate::aws::allowances::Allowances;
use crate::aws::log::{Log, LogRow};
use crate::aws::subscribers::{Connection, JoinResult, Subscribers};
use crate::error::Error;

/// The most notifications that one `subscribe` replays behind a seq.
const PAGE: usize = 100;

/// The most notifications for a `subscribe` without a seq.
const NEWEST: usize = 50;

/// Joins and leaves channels.
#[derive(Clone, Debug)]
pub struct Subscriptions {
    subscribers: Subscribers,
    log: Log,
    allowances: Allowances,
}

/// The answer to a `subscribe`.
#[derive(Clone, Debug, PartialEq)]
pub struct SubscribeAnswer {
    /// Frames of notifications, to be sent first.
    pub frames: Vec<String>,
    /// Where the reader stands after them.
    pub position: Position,
    /// The unread notifications of the inbox's owner. Inboxes only.
    pub unread: Option<u64>,
}

impl Subscriptions {
    /// Subscriptions to these logs, within each user's allowance.
    #[must_use]
    pub fn new(subscribers: Subscribers, log: Log, allowances: Allowances) -> Self {
        Self { subscribers, log, allowances }
    }

    /// Joins a channel, and replays what came after a seq or, without one, the newest. What is replayed names the frame's `ref`.
    ///
    /// # Errors
    /// `forbidden`, `too_many_subscriptions`, or `connection_gone`; `too_many_replays` to one who has joined all the same.
    pub async fn subscribe(
        &self,
        claims: &Claims,
        connection: &Connection,
        channel: &Channel,
        after: Option<Seq>,
        reference: Option<&Value>,
    ) -> Result<SubscribeAnswer, Error> {
        claims.check_read(channel, "channel")?;
        let begun = Reading::begin(&self.allowances, &claims.sub);
        let (joined, reading) = tokio::join!(self.subscribers.join(connection, channel), begun);
        match joined? {
            JoinResult::Yes => {}
            JoinResult::Gone => return Err(gone().into()),
            JoinResult::TooMany => return Err(too_many().into()),
        }
        let reading = match reading {
            Ok(reading) => reading,
            Err(refused) => return self.without_reading(channel, after).await?.ok_or(refused),
        };
        let replay = replay(reading.of(&self.log), channel, after, reference).await;
        reading.end(replay).await
    }

    /// The answer to a reader who has everything already: nothing need be read for it, so it is not refused either.
    async fn without_reading(&self, channel: &Channel, after: Option<Seq>) -> Result<Option<SubscribeAnswer>, Error> {
        let Some(seq) = after else { return Ok(None) };
        let newest = self.log.newest(channel).await?;
        let has_all = newest.is_some_and(|newest| newest.seq == seq && !newest.closes);
        let position = Position { seq, recovered: true, more: false, reset: false };
        Ok(has_all.then_some(SubscribeAnswer { frames: Vec::new(), position, unread: None }))
    }

    /// Leaves a channel.
    ///
    /// # Errors
    /// The user's own channel cannot be left; or `connection_gone`.
    pub async fn unsubscribe(&self, connection: &Connection, channel: &Channel) -> Result<(), Error> {
        if *channel == connection.inbox {
            return Err(Refusal::field("channel", "a connection cannot leave its user's own channel").into());
        }
        match self.subscribers.leave(connection, channel).await? {
            JoinResult::Gone => Err(gone().into()),
            JoinResult::Yes | JoinResult::TooMany => Ok(()),
        }
    }
}

async fn replay(
    log: Log,
    channel: &Channel,
    after: Option<Seq>,
    reference: Option<&Value>,
) -> Result<SubscribeAnswer, Error> {
    let page = match after {
        Some(after) => log.read_after(channel, after, PAGE).await?,
        None => log.read_newest(channel, NEWEST).await?,
    };
    let unread = if channel.is_inbox() { Some(Inboxes::new(log).unread(channel).await?) } else { None };
    let items = page.items.iter().map(LogRow::to_json).collect();
    Ok(SubscribeAnswer { frames: frames(channel, items, reference), position: page.position, unread })
}

fn gone() -> Refusal {
    Refusal::new(Code::ConnectionGone, "this connection is not known any more; connect again")
}

fn too_many() -> Refusal {
    let reason = format!("a connection joins at most {MAX_CHANNELS} channels besides the user's own; leave one first");
    Refusal::field_with(Code::TooManySubscriptions, "channel", reason)
}
