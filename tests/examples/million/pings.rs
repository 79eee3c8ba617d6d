//! The pings of all clients that are connected: requests, which come out of the same quotas as all else.

use std::time::Duration;

use crate::dice::Dice;

/// They come at random. One that is refused is not made again: the client hears that, and so knows that its connection is alive.
pub(crate) struct Pings {
    rate: f64,
    next: Duration,
    came: u64,
    refused: u64,
}

impl Pings {
    /// So many a second.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, next: if rate > 0.0 { Duration::ZERO } else { Duration::MAX }, came: 0, refused: 0 }
    }

    /// When the next one comes, if that is not later than now.
    pub(crate) fn next(&mut self, now: Duration, dice: &mut Dice) -> Option<Duration> {
        let at = self.next;
        (at <= now).then(|| {
            self.next += dice.until_next(self.rate);
            at
        })
    }

    pub(crate) fn answered(&mut self, is_taken: bool) {
        self.came += 1;
        self.refused += u64::from(!is_taken);
    }

    /// Which part was refused.
    pub(crate) fn refused(&self) -> f64 {
        self.refused as f64 / self.came.max(1) as f64
    }
}
