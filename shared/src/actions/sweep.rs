//! Handing on what is due: the sweeper's minute.

use domain::schedule::id::{Bucket, Minute, ScheduleId};
use domain::schedule::state::Stage;
use domain::schedule::sweep::{Late, Progress, is_given_up, late, swept_at};
use domain::time::Millis;
use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::series::end_with_series;
use crate::aws::queue::DueQueue;
use crate::aws::schedule::{Due, Known, LaterAttempt, Pending, Schedule};
use crate::clock;
use crate::error::Error;

/// How many buckets, and how many rows, are looked after at once.
const AT_ONCE: usize = 16;

/// How many notifications are queued between two looks at the time that is left.
const AT_A_TIME: usize = 1000;

/// Hands on what is due.
#[derive(Clone, Debug)]
pub struct Sweeper {
    schedule: Schedule,
    queue: DueQueue,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Notifications that it handed to the queue for their time.
    pub handed: usize,
    /// Notifications that it handed to the queue once more, long after their time.
    pub again: usize,
    /// Notifications that it gave up.
    pub failed: usize,
    /// How far the oldest that is unfinished lies behind, in seconds.
    pub lag: i64,
}

/// What came of looking after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    /// It may still be delivered.
    Unfinished,
    /// It is to be handed to the queue once more.
    Again(ScheduleId),
    /// Nothing is left to do.
    Finished,
    /// It has failed.
    GivenUp,
}

impl Looked {
    fn again(self) -> Option<ScheduleId> {
        if let Self::Again(id) = self { Some(id) } else { None }
    }
}

/// One sweep.
struct Sweep<'a> {
    sweeper: &'a Sweeper,
    now: Millis,
    /// When to stop, and leave the rest to the next sweep.
    until: Instant,
    known: Known,
    progress: Progress,
    swept: Swept,
}

impl Sweeper {
    /// Hands on what this schedule says to this queue.
    #[must_use]
    pub fn new(schedule: Schedule, queue: DueQueue) -> Self {
        Self { schedule, queue }
    }

    /// Hands on what becomes due before the next sweeps, and looks after what is late. It stops at `until`, and the next
    /// sweep goes on from there. `fired_at` is when the schedule has asked for it: a clock that is ahead of that by more than an
    /// event can be late is not believed, since no sweep goes back over what one has passed.
    ///
    /// # Errors
    /// A call failed. The next sweep goes on from there; what it does again doubles nothing.
    pub async fn sweep(&self, fired_at: Option<Millis>, until: Instant) -> Result<Swept, Error> {
        let now = swept_at(clock::now(), fired_at);
        let known = self.schedule.progress(now).await?;
        let progress = known.progress.clone();
        let mut sweep = Sweep { sweeper: self, now, until, known, progress, swept: Swept::default() };
        let done = sweep.run().await;
        // Also of a sweep that failed: what it has handed on is not handed on again.
        let Sweep { known, progress, mut swept, .. } = sweep;
        self.schedule.keep_progress(&known, &progress).await?;
        done?;
        swept.lag = progress.lag(now);
        Ok(swept)
    }
}

impl Sweep<'_> {
    async fn run(&mut self) -> Result<(), Error> {
        self.hand_on().await?;
        self.look_after_late().await
    }

    /// Queues what becomes due, minute by minute, but for what its writer has queued.
    async fn hand_on(&mut self) -> Result<(), Error> {
        let horizon = self.progress.horizon(self.now);
        while self.progress.handed < horizon && !self.is_over() {
            let from = self.progress.handed;
            let minute = Minute::of(from);
            let until = minute.next().start().min(horizon);
            let pending = |bucket| self.sweeper.schedule.pending(bucket, from, until);
            let rows = try_join_all(minute.buckets().map(pending)).await?;
            let mut ids: Vec<ScheduleId> =
                rows.into_iter().flatten().filter(|row| !row.queued).map(|row| row.id).collect();
            ids.sort_unstable();
            if !ids.is_empty() && from < self.now {
                self.progress.caught_up = self.now;
            }
            if self.queue(&ids).await? {
                self.progress.handed = until;
            }
        }
        Ok(())
    }

    /// Queues notifications in their order; `false` if time ran out before the last of them.
    async fn queue(&mut self, ids: &[ScheduleId]) -> Result<bool, Error> {
        for some in ids.chunks(AT_A_TIME) {
            if let Some(first) = some.first() {
                self.progress.handed = first.due();
            }
            if self.is_over() {
                return Ok(false);
            }
            self.sweeper.queue.send_all(some).await?;
            self.swept.handed += some.len();
        }
        Ok(true)
    }

    /// Goes through the buckets that were left open, and then moves the watermark on.
    async fn look_after_late(&mut self) -> Result<(), Error> {
        let open: Vec<Bucket> = self.progress.open.iter().copied().collect();
        for buckets in open.chunks(AT_ONCE) {
            if self.is_over() {
                return Ok(());
            }
            self.look_through(buckets).await?;
        }
        for minute in self.progress.late(self.now) {
            if self.is_over() || self.progress.is_stuck() {
                return Ok(());
            }
            let buckets: Vec<Bucket> = minute.buckets().collect();
            self.look_through(&buckets).await?;
            self.progress.watermark = minute.next();
        }
        Ok(())
    }

    /// Looks after what is unfinished in these buckets, and keeps open those that have any.
    async fn look_through(&mut self, buckets: &[Bucket]) -> Result<(), Error> {
        let pending = buckets.iter().map(|bucket| {
            let (start, end) = (bucket.minute.start(), bucket.minute.next().start());
            self.sweeper.schedule.pending(*bucket, start, end)
        });
        for (bucket, rows) in buckets.iter().zip(try_join_all(pending).await?) {
            let looked: Vec<Looked> =
                stream::iter(rows).map(|row| self.look_after(row)).buffer_unordered(AT_ONCE).collect().await;
            let again: Vec<ScheduleId> = looked.iter().filter_map(|looked| looked.again()).collect();
            self.swept.failed += looked.iter().filter(|looked| **looked == Looked::GivenUp).count();
            if looked.iter().all(|looked| matches!(looked, Looked::Finished | Looked::GivenUp)) {
                self.progress.open.remove(bucket);
            } else {
                self.progress.open.insert(*bucket);
            }
            self.swept.again += again.len();
            self.sweeper.queue.send_all(&again).await?;
        }
        Ok(())
    }

    /// One row that nobody can read must not keep the sweep from the others.
    async fn look_after(&self, row: Pending) -> Looked {
        self.try_to_look_after(row).await.unwrap_or_else(|error| {
            error.log();
            Looked::Unfinished
        })
    }

    async fn try_to_look_after(&self, row: Pending) -> Result<Looked, Error> {
        // What this sweep has just handed on for the first time is with the queue.
        let fresh = !row.queued && row.id.due() >= self.known.progress.handed;
        if fresh || self.is_over() {
            return Ok(Looked::Unfinished);
        }
        if row.is_unreadable {
            return if is_given_up(row.id.due(), self.now) {
                self.give_up_unread(row.id).await
            } else {
                Ok(Looked::Unfinished)
            };
        }
        let handed = row.handed_at.unwrap_or(row.id.due().max(self.progress.caught_up));
        match late(handed, row.rounds, self.now) {
            Late::Wait => Ok(Looked::Unfinished),
            // Noted first: a second sweep at the same time is to hand it on once.
            Late::Again(round) if self.sweeper.schedule.note_round(&row, round, self.now).await? => {
                Ok(Looked::Again(row.id))
            }
            Late::Again(_) => Ok(Looked::Unfinished),
            Late::GiveUp => match self.give_up(row.id).await {
                // Without this it would be looked after for ever, and with it its whole bucket.
                Err(error @ Error::Unreadable(_)) => {
                    error.log();
                    self.give_up_unread(row.id).await
                }
                looked => looked,
            },
        }
    }

    async fn give_up_unread(&self, id: ScheduleId) -> Result<Looked, Error> {
        if !self.sweeper.schedule.fail_unread(id, clock::now()).await? {
            return Ok(Looked::Unfinished);
        }
        tracing::error!(%id, "a row of the schedule cannot be read, and was delivered by nobody in time");
        Ok(Looked::GivenUp)
    }

    async fn give_up(&self, id: ScheduleId) -> Result<Looked, Error> {
        let schedule = &self.sweeper.schedule;
        let now = clock::now();
        let row = match schedule.due(id).await? {
            None => return Ok(Looked::Finished),
            Some(Due::Notification(row)) => *row,
            Some(Due::Attempt(later)) => return self.give_up_attempt(&later).await,
        };
        if row.stage == Stage::Cancelled || row.is_sent() {
            // All that may be in logs is there. Who was not told of it hears of it with the next, or when they come back.
            schedule.mark_done(row.id, now).await?;
            return Ok(Looked::Finished);
        }
        if end_with_series(schedule, &row).await? {
            return Ok(Looked::Finished);
        }
        // What cannot go on at least ends: else it would be looked after for ever.
        let next = row.next(now, rand::random()).inspect_err(Error::log).unwrap_or_default();
        if let Some(next) = next.as_ref().filter(|next| next.queued) {
            // Before its row is there: a message for nobody does nothing, and a row without one would be late.
            self.sweeper.queue.send(next.id).await?;
        }
        if !schedule.fail(&row, next.as_ref(), now).await? {
            return Ok(Looked::Unfinished);
        }
        tracing::error!(%id, "a notification could not be delivered in all rounds; docs/deploy.md says how to send it again");
        Ok(Looked::GivenUp)
    }

    async fn give_up_attempt(&self, later: &LaterAttempt) -> Result<Looked, Error> {
        if !self.sweeper.schedule.fail_later(later, clock::now()).await? {
            return Ok(Looked::Unfinished);
        }
        let id = later.id;
        tracing::error!(%id, "an attempt at an endpoint could not be queued; docs/deploy.md says how to have it made");
        Ok(Looked::GivenUp)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}
