//! Sending what has become due: exactly once into its channels' logs, and then to the subscribers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use domain::channel::Channel;
use domain::endpoint::lane::Lane;
use domain::schedule::id::ScheduleId;
use domain::schedule::state::Stage;
use domain::time::Millis;
use futures_util::future::join;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::FanOut;
use super::placed::{PlacedSender, Turns};
use super::series::end_with_series;
use crate::aws::log::{AppendResult, Log};
use crate::aws::queue::{DueQueue, EndpointQueues};
use crate::aws::schedule::{Due, LaterAttempt, Schedule, Scheduled, SentChannelWrite};
use crate::clock;
use crate::error::Error;

/// A message may come this much too early, in milliseconds, and is waited for. Delays are whole seconds.
const WAITS: i64 = 2_000;

/// The number of times that a notification is read again after it has changed meanwhile.
const TRIES: usize = 5;

/// In how many groups channels take turns.
const TURNS: usize = 64;

/// Sends what has become due.
#[derive(Debug)]
pub struct Deliverer {
    schedule: Schedule,
    queue: DueQueue,
    endpoints: EndpointQueues,
    log: Log,
    fan_out: FanOut,
    /// Notifications of one batch that go to one channel take turns instead of racing for its next place.
    turns: Vec<Mutex<()>>,
}

/// The result of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueMessageResult {
    /// It is done with: its notification is sent, or cancelled, or was so before.
    Done,
    /// It has come too early; SQS should deliver it again at this time.
    NotYet(Millis),
}

impl Deliverer {
    /// Sends from this schedule into these logs.
    #[must_use]
    pub fn new(schedule: Schedule, queue: DueQueue, endpoints: EndpointQueues, log: Log, fan_out: FanOut) -> Self {
        let turns = std::iter::repeat_with(Mutex::default).take(TURNS).collect();
        Self { schedule, queue, endpoints, log, fan_out, turns }
    }

    /// Sends a notification that is due. A second message for it does nothing but what the first one left undone.
    ///
    /// # Errors
    /// Something is left undone; SQS has to deliver the message again.
    pub async fn deliver(&self, id: ScheduleId) -> Result<DueMessageResult, Error> {
        let Some(due) = self.schedule.due(id).await? else {
            // It was finished weeks ago, or the table was restored from before it was written.
            tracing::warn!(%id, "a message names a notification that is not there");
            return Ok(DueMessageResult::Done);
        };
        let early = id.due().0 - clock::now().0;
        if early > WAITS {
            return Ok(DueMessageResult::NotYet(id.due()));
        }
        match due {
            Due::Notification(row) if !row.done => self.send(*row).await,
            Due::Attempt(later) if !later.done => self.hand_on(&later).await,
            Due::Notification(_) | Due::Attempt(_) => Ok(DueMessageResult::Done),
        }
    }

    /// Queues an attempt at an endpoint. It may come to be queued twice; it is made once.
    async fn hand_on(&self, later: &LaterAttempt) -> Result<DueMessageResult, Error> {
        wait_until(later.id.due()).await;
        self.endpoints.send(&later.attempt, Lane::Quick, later.id.due()).await?;
        self.schedule.record_done(later.id, clock::now()).await?;
        Ok(DueMessageResult::Done)
    }

    async fn send(&self, mut row: Scheduled) -> Result<DueMessageResult, Error> {
        let reached = wait_until(row.id.due()).await;
        let (placing, placed) = PlacedSender::new();
        let appending = async {
            let appended = self.append(&mut row, placing, reached).await;
            // A series goes on, also if this one fails, and however long its pushes take.
            (appended, self.queue_next(&row).await)
        };
        let ((appended, queued), pushed) = join(appending, self.fan_out.push_each(placed)).await;
        appended?;
        queued?;
        pushed.into_iter().try_for_each(|(_, pushed)| pushed.map(drop))?;
        self.schedule.record_done(row.id, clock::now()).await?;
        Ok(DueMessageResult::Done)
    }

    /// Notes that a notification's message was given to this function for the last time, in vain.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn give_up(&self, id: ScheduleId) -> Result<(), Error> {
        self.schedule.record_dead_letter(id, clock::now()).await
    }

    /// Appends to each channel that does not have it, unless it was cancelled. The row is then as the table has it. Its time was
    /// reached at `reached`.
    async fn append(&self, row: &mut Scheduled, placing: PlacedSender, reached: Millis) -> Result<(), Error> {
        for _ in 0..TRIES {
            if row.done {
                return Ok(());
            }
            // Some may have it from an earlier message, which did not come to push.
            if let Some(sent_at) = row.sent_at {
                let item = row.as_sent_at(sent_at).item;
                row.places().for_each(|(channel, seq)| placing.has(channel, seq, &item));
            }
            if row.stage == Stage::Cancelled || self.append_missing(row, &placing, reached).await? {
                return Ok(());
            }
            *row = self.look_again(row).await?;
        }
        Err(Error::Failed { call: "append what is due", cause: "its row kept changing".to_owned() })
    }

    /// `false` if the row is not as it was read: another message was first, or somebody has cancelled it. One channel
    /// after the other, since all of them change the row.
    async fn append_missing(
        &self,
        row: &mut Scheduled,
        placing: &PlacedSender,
        reached: Millis,
    ) -> Result<bool, Error> {
        let mut turns = Turns::of(row.to.iter().filter(|channel| !row.sent.contains_key(*channel)));
        while let Some((channel, give_up)) = turns.next() {
            // A clock that is set back meanwhile does not make it early.
            let now = clock::now().max(reached);
            match self.append_to(&channel, row, placing, now, give_up).await {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => turns.fail(channel, error),
            }
        }
        turns.ended().map(|()| true)
    }

    async fn append_to(
        &self,
        channel: &Channel,
        row: &mut Scheduled,
        placing: &PlacedSender,
        now: Millis,
        give_up: Instant,
    ) -> Result<bool, Error> {
        let sent_at = row.sent_at.unwrap_or(now);
        let next = if row.sent_at.is_none() { row.next(now, rand::random())? } else { None };
        if let Some(next) = &next {
            self.schedule.write_content(next).await?;
        }
        let companion = SentChannelWrite { schedule: &self.schedule, row, sent_at, next: next.as_ref() };
        let new = row.as_sent_at(sent_at);
        let turn = self.turn(channel).lock().await;
        let appended = self.log.append(channel, &new, Some(&companion), give_up).await?;
        drop(turn);
        let AppendResult::At(seq) = appended else { return Ok(false) };
        placing.has(channel, seq, &new.item);
        row.sent.insert(channel.clone(), seq);
        row.sent_at = Some(sent_at);
        if let (Some(part), Some(next)) = (&mut row.series, next) {
            part.next = Some(next.id);
        }
        Ok(true)
    }

    /// The row as it is now. One whose series has ended is cancelled with it.
    async fn look_again(&self, row: &Scheduled) -> Result<Scheduled, Error> {
        let gone = || Error::Failed { call: "look again at what is due", cause: "its row is gone".to_owned() };
        let row = self.schedule.get(row.id).await?.ok_or_else(gone)?;
        if end_with_series(&self.schedule, &row).await? {
            self.schedule.get(row.id).await?.ok_or_else(gone)
        } else {
            Ok(row)
        }
    }

    /// Queues the next one of a series, if it is due too soon for the sweeper. It may have been queued before: the
    /// message that wrote it can have died since.
    async fn queue_next(&self, row: &Scheduled) -> Result<(), Error> {
        let Some(next) = row.series.as_ref().and_then(|part| part.next) else { return Ok(()) };
        match self.schedule.get(next).await? {
            Some(next) if next.queued && !next.done => self.queue.send(next.wake()).await,
            _ => Ok(()),
        }
    }

    fn turn(&self, channel: &Channel) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        channel.as_str().hash(&mut hasher);
        #[allow(clippy::cast_possible_truncation, reason = "any of them will do")]
        let turn = hasher.finish() as usize % TURNS;
        &self.turns[turn]
    }
}

/// Waits for a moment, and gives the clock's when it was reached. Timers may end a little early by this clock; nothing may be sent
/// before its time.
async fn wait_until(due: Millis) -> Millis {
    loop {
        let now = clock::now();
        let left = u64::try_from(due.0 - now.0).unwrap_or_default();
        if left == 0 {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(left)).await;
    }
}
