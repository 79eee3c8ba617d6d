//! The counters of a simulated case.

use std::collections::VecDeque;
use std::time::Duration;

use crate::assumed::{READ_UNIT, ROW};

/// The counters of a case.
#[derive(Default)]
pub(crate) struct Tally {
    /// When each client had the notification, in seconds after it was sent, by push or by asking.
    pub(crate) told: Vec<Option<f32>>,
    /// When the last post was answered, after it was sent.
    pub(crate) last_post: Duration,
    /// Posts that the gateway took, or knew to be for nobody.
    pub(crate) posts: u64,
    pub(crate) gone: u64,
    pub(crate) throttled: u64,
    pub(crate) queued: u64,
    /// Pushes that stopped, since posts were refused or had no turn.
    pub(crate) stopped: u64,
    /// Rows of connections that are gone.
    pub(crate) removed: u64,
    pub(crate) invocations: u64,
    pub(crate) billed: Duration,
    pub(crate) messages: u64,
    pub(crate) batches: u64,
    pub(crate) read_units: u64,
    /// Shares that were not done in time, and those that nobody tries any more.
    pub(crate) time_ups: u64,
    pub(crate) dead: u64,
    /// The most tries of all processes within a second.
    pub(crate) most_in_a_second: usize,
    second: VecDeque<Duration>,
    /// When each client was back, in seconds after all were lost.
    pub(crate) back: Vec<f32>,
}

impl Tally {
    pub(crate) fn of(clients: u32) -> Self {
        Self { told: vec![None; clients as usize], ..Self::default() }
    }

    pub(crate) fn told(&mut self, client: u32, after: Duration) {
        let told = self.told[client as usize].get_or_insert(f32::INFINITY);
        *told = told.min(after.as_secs_f32());
    }

    /// Somebody who keeps a pace has tried to post.
    pub(crate) fn tried(&mut self, now: Duration) {
        while self.second.front().is_some_and(|then| *then + Duration::from_secs(1) <= now) {
            self.second.pop_front();
        }
        self.second.push_back(now);
        self.most_in_a_second = self.most_in_a_second.max(self.second.len());
    }

    pub(crate) fn queried(&mut self, rows: usize) {
        self.read_units += (rows * ROW).div_ceil(READ_UNIT).max(1) as u64;
    }

    pub(crate) fn left_out(&self) -> usize {
        self.told.iter().filter(|told| told.is_none()).count()
    }

    /// When this part of all had it, in seconds.
    pub(crate) fn told_by(&self, parts: &[f64]) -> Vec<f32> {
        let mut told: Vec<f32> = self.told.iter().flatten().copied().collect();
        told.sort_unstable_by(f32::total_cmp);
        parts.iter().map(|part| told[(part * (told.len() - 1) as f64) as usize]).collect()
    }
}
