//! Handing on what is due: the sweeper's minute.
//!
//! A sweep hands on what becomes due ([`hand_on`]) and looks after what is late ([`late`]), each in time of its own. What a crowd leaves no
//! time for, the next sweep goes on with, row by row.

mod hand_on;
mod late;

use std::time::Duration;

use domain::schedule::progress::Progress;
use domain::schedule::sweep::swept_at;
use domain::time::Millis;
use tokio::time::Instant;

use crate::aws::queue::DueQueue;
use crate::aws::schedule::{KnownProgress, ProgressVersion, Schedule};
use crate::clock;
use crate::error::Error;

/// The time between two writes of a long sweep's progress: so much of it is done again if it dies.
const KEPT_EVERY: Duration = Duration::from_secs(5);

/// Hands on what is due.
#[derive(Clone, Debug)]
pub struct Sweeper {
    schedule: Schedule,
    queue: DueQueue,
}

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepResult {
    /// Notifications that it handed to the queue for their time.
    pub handed: usize,
    /// Notifications that it handed to the queue once more, long after their time.
    pub again: usize,
    /// Notifications that it gave up.
    pub failed: usize,
    /// The age of the oldest unfinished row, in seconds.
    pub lag: i64,
}

/// One sweep.
struct Sweep<'a> {
    sweeper: &'a Sweeper,
    now: Millis,
    /// The sweeper's progress when this sweep began.
    began_at: Progress,
    progress: Progress,
    /// The row that keeps the progress, and when this sweep last wrote it.
    seen: ProgressVersion,
    kept: Instant,
    /// Whether another sweep, begun at the same time, keeps its progress instead.
    is_second: bool,
    /// The first failure. The rest of the sweep goes on.
    failure: Option<Error>,
    swept: SweepResult,
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
    pub async fn sweep(&self, fired_at: Option<Millis>, until: Instant) -> Result<SweepResult, Error> {
        let now = swept_at(clock::now(), fired_at);
        let KnownProgress { progress, seen } = self.schedule.progress(now).await?;
        let mut sweep = Sweep {
            sweeper: self,
            now,
            began_at: progress.clone(),
            progress,
            seen,
            kept: Instant::now(),
            is_second: false,
            failure: None,
            swept: SweepResult::default(),
        };
        sweep.run(until).await;
        // Also of a sweep that failed: what it has handed on is not handed on again.
        sweep.keep().await;
        let Sweep { progress, failure, swept, .. } = sweep;
        failure.map_or(Ok(SweepResult { lag: progress.lag(now), ..swept }), Err)
    }
}

impl Sweep<'_> {
    async fn run(&mut self, until: Instant) {
        // However much there is to hand on, a third of the time is for what is late.
        let left = until.saturating_duration_since(Instant::now());
        // Each time that it is handed on again counts: not while the queue takes nothing.
        if self.hand_on(until - left / 3).await {
            self.look_after_late(until).await;
            self.hand_on(until).await;
        }
    }

    fn is_over(&self, until: Instant) -> bool {
        self.is_second || Instant::now() >= until
    }

    /// The function's edge logs one failure, and this the others.
    fn fail(&mut self, error: Error) {
        if self.failure.is_some() {
            error.log();
        } else {
            self.failure = Some(error);
        }
    }

    async fn keep_now_and_then(&mut self) {
        if self.kept.elapsed() >= KEPT_EVERY {
            self.keep().await;
        }
    }

    async fn keep(&mut self) {
        if self.is_second {
            return;
        }
        match self.sweeper.schedule.keep_progress(self.seen, &self.progress).await {
            Ok(Some(seen)) => self.seen = seen,
            Ok(None) => self.is_second = true,
            Err(error) => self.fail(error),
        }
        self.kept = Instant::now();
    }
}
