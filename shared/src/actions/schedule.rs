//! Sending later: a row in the schedule, and a message in the queue if it is due soon.

use domain::channel::Sub;
use domain::item::Item;
use domain::schedule::id::ScheduleId;
use domain::schedule::state::State;
use domain::send::SendRequest;
use domain::time::Millis;

use super::fan_out::FanOutResult;
use super::notification::{NotificationState, Notifications};
use super::send::{KeyedSend, SendResponse, SentChannel};
use crate::aws::idempotency::{self, IdempotencyRecords};
use crate::aws::queue::DueQueue;
use crate::aws::schedule::{Schedule, ScheduleWriteResult, Scheduled, Series};
use crate::error::Error;

/// Takes notifications that are to be sent later.
#[derive(Clone, Debug)]
pub struct Scheduler {
    schedule: Schedule,
    due_queue: DueQueue,
    idempotency: IdempotencyRecords,
    notifications: Notifications,
}

/// The rows for a request.
struct Entry {
    id: ScheduleId,
    first: Scheduled,
    series: Option<Series>,
}

impl Entry {
    fn new(by: &Sub, send: &SendRequest, item: &Item, due: Millis) -> Self {
        let first = ScheduleId::of_one(due, rand::random());
        let row = Scheduled::new(first, by, send, item.content.clone(), item.sent_at);
        match &send.timing.repeat {
            None => Self { id: first, first: row, series: None },
            Some(repeat) => {
                let id = ScheduleId::of_series(due, rand::random());
                let series = Series::new(id, by, &send.to, repeat, first);
                Self { id, first: row.of_series(id, repeat), series: Some(series) }
            }
        }
    }

    fn sent(&self, send: &SendRequest) -> SendResponse {
        let channels = send.to.iter().map(|channel| SentChannel::new(channel, None, FanOutResult::default())).collect();
        SendResponse {
            id: self.id.to_string(),
            state: State::Scheduled,
            deliver_at: Some(self.first.id.due()),
            channels,
        }
    }
}

impl Scheduler {
    /// Writes to this schedule, this queue and this table of keys.
    #[must_use]
    pub fn new(schedule: Schedule, due_queue: DueQueue, idempotency: IdempotencyRecords) -> Self {
        let notifications = Notifications::new(schedule.clone());
        Self { schedule, due_queue, idempotency, notifications }
    }

    /// Schedules a notification, or a series of them.
    ///
    /// # Errors
    /// It may or may not be scheduled; the publisher has to send it again.
    pub(super) async fn schedule(
        &self,
        by: &Sub,
        send: &SendRequest,
        item: &Item,
        due: Millis,
    ) -> Result<SendResponse, Error> {
        let entry = Entry::new(by, send, item, due);
        self.schedule.write(&entry.first, entry.series.as_ref(), None).await?;
        self.queue(&entry.first).await?;
        Ok(entry.sent(send))
    }

    /// Schedules under a key, in one transaction with the key's row. `None` if another request under the key was first.
    ///
    /// # Errors
    /// As [`Scheduler::schedule`].
    pub(super) async fn schedule_keyed(
        &self,
        keyed: KeyedSend<'_>,
        item: &Item,
        due: Millis,
    ) -> Result<Option<SendResponse>, Error> {
        let KeyedSend { sub, send, key } = keyed;
        let entry = Entry::new(sub, send, item, due);
        let known = idempotency::IdempotencyRecord::new(
            &Item { id: entry.id.to_string(), ..item.clone() },
            send.fingerprint.clone(),
        );
        let idempotency = self.idempotency.row(sub, key, &known, item.sent_at).scheduled()?;
        match self.schedule.write(&entry.first, entry.series.as_ref(), Some(idempotency)).await? {
            ScheduleWriteResult::Taken => Ok(None),
            ScheduleWriteResult::Done => {
                self.queue(&entry.first).await?;
                Ok(Some(entry.sent(send)))
            }
        }
    }

    /// The answer to a repeated request whose notification was scheduled under a key. The request that did may have died before it queued
    /// it, so it is queued once more, unless a message has come to `deliver` already.
    pub(super) async fn resume(&self, id: &str) -> Result<SendResponse, Error> {
        let (state, pending) = self.notifications.find(id).await?;
        if let Some(row) = pending.filter(|row| !row.done && row.sent_at.is_none()) {
            self.queue(&row).await?;
        }
        Ok(sent(state))
    }

    async fn queue(&self, row: &Scheduled) -> Result<(), Error> {
        if row.queued { self.due_queue.send(row.wake()).await } else { Ok(()) }
    }
}

fn sent(state: NotificationState) -> SendResponse {
    let channels = state
        .channels
        .iter()
        .map(|place| SentChannel::new(&place.channel, place.seq, FanOutResult::default()))
        .collect();
    SendResponse { id: state.id.to_string(), state: state.state, deliver_at: Some(state.deliver_at), channels }
}
