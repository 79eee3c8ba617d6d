//! A quota of requests.

use std::time::Duration;

use crate::dice::Dice;

/// A token bucket, which others take from as well.
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    at: Duration,
    /// The requests a second of others, and the time of the next of them.
    others: f64,
    next: Duration,
    came: u64,
    refused: u64,
}

impl Bucket {
    pub(crate) fn new(rate: f64, burst: f64, others: f64) -> Self {
        // One who takes nearly all has long taken the burst.
        let tokens = if others > 0.0 { 0.0 } else { burst };
        let next = if others > 0.0 { Duration::ZERO } else { Duration::MAX };
        Self { rate, burst, tokens, at: Duration::ZERO, others, next, came: 0, refused: 0 }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&mut self, now: Duration, dice: &mut Dice) -> bool {
        while self.next <= now {
            self.came += 1;
            self.refused += u64::from(!self.take_at(self.next));
            self.next += dice.until_next(self.others);
        }
        self.take_at(now)
    }

    pub(crate) fn others_refused(&self) -> f64 {
        self.refused as f64 / self.came.max(1) as f64
    }

    fn take_at(&mut self, now: Duration) -> bool {
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * self.rate).min(self.burst);
        self.at = now;
        let is_one = self.tokens >= 1.0;
        if is_one {
            self.tokens -= 1.0;
        }
        is_one
    }
}
