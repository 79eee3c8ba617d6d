//! Chance, from a seed.

use std::ops::Range;
use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// From nought to one.
    pub(crate) fn part(&mut self) -> f64 {
        self.0.random()
    }

    /// Somewhere between these seconds.
    pub(crate) fn within(&mut self, seconds: Range<f64>) -> Duration {
        Duration::from_secs_f64(seconds.start + self.part() * (seconds.end - seconds.start))
    }

    /// Until the next of what happens so often a second, each by itself.
    pub(crate) fn until_next(&mut self, rate: f64) -> Duration {
        Duration::from_secs_f64(-(1.0 - self.part()).ln() / rate)
    }

    /// About this, with a long tail: log-normal.
    pub(crate) fn about(&mut self, median: Duration, sigma: f64) -> Duration {
        let (a, b) = (1.0 - self.part(), self.part());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        median.mul_f64((sigma * normal).exp())
    }
}
