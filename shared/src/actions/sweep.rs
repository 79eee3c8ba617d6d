//! Handing on what is due: the sweeper's minute.

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::Instant;

use crate::aws::queue::DueQueue;
use crate::aws::schedule::{Known, Pending, Schedule};
use crate::clock;
use crate::domain::schedule::id::{Bucket, Minute, ScheduleId};
use crate::domain::schedule::sweep::{Late, Progress, late};
use crate::domain::time::Millis;
use crate::error::Error;

/// How many buckets, and how many rows, are looked after at once.
const AT_ONCE: usize = 16;

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
    /// sweep goes on from there.
    ///
    /// # Errors
    /// A call failed. The next sweep does it all again, which doubles nothing.
    pub async fn sweep(&self, until: Instant) -> Result<Swept, Error> {
        let now = clock::now();
        let known = self.schedule.progress(now).await?;
        let progress = known.progress.clone();
        let mut sweep = Sweep { sweeper: self, now, until, known, progress, swept: Swept::default() };
        sweep.hand_on().await?;
        sweep.look_after_late().await?;
        let Sweep { known, progress, mut swept, .. } = sweep;
        self.schedule.keep_progress(&known, &progress).await?;
        swept.lag = progress.lag(now);
        Ok(swept)
    }
}

impl Sweep<'_> {
    /// Queues what becomes due, minute by minute, but for what its writer has queued.
    async fn hand_on(&mut self) -> Result<(), Error> {
        let horizon = self.progress.horizon(self.now);
        while self.progress.handed < horizon && !self.is_over() {
            let from = self.progress.handed;
            let minute = Minute::of(from);
            let until = minute.next().start().min(horizon);
            let pending = |bucket| self.sweeper.schedule.pending(bucket, from, until);
            let rows = try_join_all(minute.buckets().map(pending)).await?;
            let ids: Vec<ScheduleId> = rows.into_iter().flatten().filter(|row| !row.queued).map(|row| row.id).collect();
            self.swept.handed += ids.len();
            if !ids.is_empty() && from < self.now {
                self.progress.caught_up = self.now;
            }
            self.sweeper.queue.send_all(ids, self.now).await?;
            self.progress.handed = until;
        }
        Ok(())
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
        let mut again = Vec::new();
        let pending = buckets.iter().map(|bucket| {
            let (start, end) = (bucket.minute.start(), bucket.minute.next().start());
            self.sweeper.schedule.pending(*bucket, start, end)
        });
        for (bucket, rows) in buckets.iter().zip(try_join_all(pending).await?) {
            let looked: Vec<Looked> =
                stream::iter(rows).map(|row| self.look_after(row)).buffer_unordered(AT_ONCE).try_collect().await?;
            self.swept.failed += looked.iter().filter(|looked| **looked == Looked::GivenUp).count();
            again.extend(looked.iter().filter_map(|looked| looked.again()));
            if looked.iter().all(|looked| *looked == Looked::GivenUp) {
                self.progress.open.remove(bucket);
            } else {
                self.progress.open.insert(*bucket);
            }
        }
        self.swept.again += again.len();
        self.sweeper.queue.send_all(again, self.now).await
    }

    async fn look_after(&self, row: Pending) -> Result<Looked, Error> {
        // What this sweep has just handed on for the first time is with the queue.
        let fresh = !row.queued && row.id.due() >= self.known.progress.handed;
        if fresh || self.is_over() {
            return Ok(Looked::Unfinished);
        }
        let handed = row.handed_at.unwrap_or(row.id.due().max(self.progress.caught_up));
        match late(handed, row.rounds, self.now) {
            Late::Wait => Ok(Looked::Unfinished),
            // Noted first: a second sweep at the same time is to hand it on once.
            Late::Again(round) if self.sweeper.schedule.note_round(&row, round, self.now).await? => {
                Ok(Looked::Again(row.id))
            }
            Late::Again(_) => Ok(Looked::Unfinished),
            Late::GiveUp => self.give_up(row.id).await,
        }
    }

    async fn give_up(&self, id: ScheduleId) -> Result<Looked, Error> {
        let Some(row) = self.sweeper.schedule.get(id).await? else { return Ok(Looked::Unfinished) };
        let next = row.next(self.now, rand::random())?;
        if !self.sweeper.schedule.fail(&row, next.as_ref(), self.now).await? {
            return Ok(Looked::Unfinished);
        }
        tracing::error!(%id, "a notification could not be delivered; its message is in the dead-letter queue");
        if let Some(next) = next.filter(|next| next.queued) {
            self.sweeper.queue.send(next.id, self.now).await?;
        }
        Ok(Looked::GivenUp)
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}
