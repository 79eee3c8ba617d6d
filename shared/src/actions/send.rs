//! Sending a notification: append it to its channels' logs, then push it to the subscribers; or schedule it.
//!
//! An answer says that both are done. After any failure before that, the publisher sends again: under the same
//! key nothing is stored twice, and what was stored but perhaps not pushed is pushed again.

use domain::channel::{Channel, Sub};
use domain::claims::Claims;
use domain::item::Item;
use domain::places;
use domain::schedule::state::State;
use domain::send::{IdempotencyKey, SendRequest};
use domain::seq::Seq;
use domain::time::{self, Millis};
use futures_util::future::{join, join_all};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::Scheduler;
use super::fan_out::{FanOut, FanOutResult};
use super::placed::{PlacedNotification, PlacedSender, Turns};
use crate::aws::idempotency::{self, IdempotencyRecords};
use crate::aws::log::{AppendResult, Log, NewEntry, PATIENCE};
use crate::clock;
use crate::error::Error;

/// The number of times that a keyed request reads again what another one under its key has done meanwhile.
const TRIES: usize = 5;

/// Sends notifications.
#[derive(Clone, Debug)]
pub struct Sender {
    log: Log,
    idempotency: IdempotencyRecords,
    fan_out: FanOut,
    scheduler: Scheduler,
}

/// A request under an idempotency key of its publisher.
#[derive(Clone, Copy)]
pub(super) struct KeyedSend<'a> {
    pub(super) sub: &'a Sub,
    pub(super) send: &'a SendRequest,
    pub(super) key: &'a IdempotencyKey,
}

/// The answer to a send request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SendResponse {
    /// Its id.
    pub id: String,
    /// `sent`, or `scheduled`; a repeated request gets the state of the first one.
    pub state: State,
    /// When it is due, if it was to be sent later.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub deliver_at: Option<Millis>,
    /// Its channels, in the order of the request.
    pub channels: Vec<SentChannel>,
}

/// The result in one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SentChannel {
    /// The channel.
    pub channel: Channel,
    /// Its place in the log, unless it was not to be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
    /// The connections that this call pushed to.
    pub connections: usize,
    /// The endpoints that it goes to.
    pub endpoints: usize,
    /// Whether the rest of the audience is served after the answer.
    pub queued: bool,
}

impl SendResponse {
    fn now(id: String, channels: Vec<SentChannel>) -> Self {
        Self { id, state: State::Sent, deliver_at: None, channels }
    }
}

impl SentChannel {
    pub(super) fn new(channel: &Channel, seq: Option<Seq>, pushed: FanOutResult) -> Self {
        let FanOutResult { connections, endpoints, queued } = pushed;
        Self { channel: channel.clone(), seq, connections, endpoints, queued }
    }
}

impl Sender {
    /// Sends through these.
    #[must_use]
    pub fn new(log: Log, idempotency: IdempotencyRecords, fan_out: FanOut, scheduler: Scheduler) -> Self {
        Self { log, idempotency, fan_out, scheduler }
    }

    /// Sends a notification for a publisher, now or later.
    ///
    /// # Errors
    /// The publisher may not send it, it is too large, its key is another request's, or it could not be stored and pushed
    /// everywhere.
    pub async fn send(
        &self,
        by: &Claims,
        send: &SendRequest,
        key: Option<&IdempotencyKey>,
    ) -> Result<SendResponse, Error> {
        send.check(by, key)?;
        let now = clock::now();
        let due = send.timing.due(now)?;
        let item = Item::new(Uuid::now_v7().to_string(), now, &send.content);
        for channel in &send.to {
            item.check_fits(channel)?;
        }
        let channels = match (key, due) {
            (Some(key), due) => return self.send_keyed(KeyedSend { sub: &by.sub, send, key }, item, due).await,
            (None, Some(due)) => return self.scheduler.schedule(&by.sub, send, &item, due).await,
            (None, None) if send.store => self.send_unkeyed(send, item.clone()).await?,
            (None, None) => self.push_unstored(&send.to, &item).await,
        };
        Ok(SendResponse::now(item.id, channels))
    }

    /// No log, no promise: what cannot be pushed is let go.
    async fn push_unstored(&self, to: &[Channel], item: &Item) -> Vec<SentChannel> {
        let pushes = to.iter().map(|channel| async move {
            let pushed = self.fan_out.push(channel, None, item).await.inspect_err(Error::log);
            SentChannel::new(channel, None, pushed.unwrap_or_default())
        });
        join_all(pushes).await
    }

    /// Each channel by itself: one that fails keeps no other from being stored and pushed.
    async fn send_unkeyed(&self, send: &SendRequest, item: Item) -> Result<Vec<SentChannel>, Error> {
        let entry = new_entry(send, item);
        let sends = send.to.iter().map(|channel| async {
            match self.log.append(channel, &entry, None, Instant::now() + PATIENCE).await? {
                AppendResult::At(seq) => {
                    let pushed = self.fan_out.push(channel, Some(seq), &entry.item).await?;
                    Ok(SentChannel::new(channel, Some(seq), pushed))
                }
                AppendResult::Taken => Err(Error::Failed { call: "append", cause: "taken without a key".to_owned() }),
            }
        });
        join_all(sends).await.into_iter().collect()
    }

    async fn send_keyed(&self, keyed: KeyedSend<'_>, item: Item, due: Option<Millis>) -> Result<SendResponse, Error> {
        let KeyedSend { sub, send, key } = keyed;
        let now = item.sent_at;
        for _ in 0..TRIES {
            let known = self.idempotency.get(sub, key, now).await?;
            if known.as_ref().is_some_and(|known| known.fingerprint != send.fingerprint) {
                return Err(key.reused().into());
            }
            // What the first request under the key has begun counts, whatever time it is now.
            let sent = match (known, due) {
                (Some(known), _) if known.scheduled => Some(self.scheduler.resume(&known.id).await?),
                (None, Some(due)) => self.scheduler.schedule_keyed(keyed, &item, due).await?,
                (known, _) => {
                    let known =
                        known.unwrap_or_else(|| idempotency::IdempotencyRecord::new(&item, send.fingerprint.clone()));
                    self.send_as_known(keyed, &item, known).await?
                }
            };
            if let Some(sent) = sent {
                return Ok(sent);
            }
        }
        Err(Error::Failed { call: "send under a key", cause: "another request kept coming first".to_owned() })
    }

    /// Appends to each channel that does not have the notification yet under this key, and pushes. `None` if another
    /// request under the key came between: what it did has to be looked at first.
    async fn send_as_known(
        &self,
        keyed: KeyedSend<'_>,
        item: &Item,
        mut sent: idempotency::IdempotencyRecord,
    ) -> Result<Option<SendResponse>, Error> {
        let KeyedSend { sub, send, key } = keyed;
        if sent.done {
            let places = places::in_order(&send.to, &sent.channels);
            let channels = places.map(|(channel, seq)| SentChannel::new(channel, Some(seq), FanOutResult::default()));
            return Ok(Some(SendResponse::now(sent.id.clone(), channels.collect())));
        }
        let entry = new_entry(send, sent.item(item.clone()));
        let (placing, placed) = PlacedSender::new();
        for (channel, seq) in places::in_order(&send.to, &sent.channels) {
            placing.has(channel, seq, &entry.item);
        }
        let appending = self.append_missing(keyed, &entry, &mut sent, item.sent_at, placing);
        let (appended, pushed) = join(appending, self.fan_out.push_each(placed)).await;
        if !appended? {
            return Ok(None);
        }
        let mut channels = Vec::new();
        for (PlacedNotification { channel, seq, .. }, pushed) in pushed {
            channels.push(SentChannel::new(&channel, Some(seq), pushed?));
        }
        channels.sort_by_key(|sent| send.to.iter().position(|channel| *channel == sent.channel));
        self.idempotency.record_done(sub, key, &sent).await?;
        Ok(Some(SendResponse::now(sent.id, channels)))
    }

    /// One at a time, in order: all of them change the key's row. `false` as soon as that is another request's.
    async fn append_missing(
        &self,
        KeyedSend { sub, send, key }: KeyedSend<'_>,
        entry: &NewEntry,
        sent: &mut idempotency::IdempotencyRecord,
        now: Millis,
        placing: PlacedSender,
    ) -> Result<bool, Error> {
        let mut turns = Turns::of(send.to.iter().filter(|channel| !sent.channels.contains_key(*channel)));
        while let Some((channel, give_up)) = turns.next() {
            let row = self.idempotency.row(sub, key, sent, now);
            match self.log.append(&channel, entry, Some(&row), give_up).await {
                Ok(AppendResult::At(seq)) => {
                    placing.has(&channel, seq, &entry.item);
                    sent.channels.insert(channel, seq);
                }
                Ok(AppendResult::Taken) => return Ok(false),
                Err(error) => turns.fail(channel, error),
            }
        }
        turns.ended().map(|()| true)
    }
}

fn new_entry(send: &SendRequest, item: Item) -> NewEntry {
    let hides_at = send.ttl.map(|ttl| item.sent_at.seconds() + ttl);
    NewEntry { item, hides_at, collapse_key: send.content.collapse_key.clone() }
}
