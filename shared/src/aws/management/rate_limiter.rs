//! Waiting for one's turn to post, or to try again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::rate_limit;
use tokio::time::{Instant, sleep_until};

/// No timer is finer than this.
const TIMER: Duration = Duration::from_millis(1);

/// Lets posts, or removals, go one at a time, in order.
#[derive(Debug)]
pub struct RateLimiter {
    began: Instant,
    turns: Mutex<rate_limit::RateLimit>,
}

impl RateLimiter {
    /// With so much between two turns.
    #[must_use]
    pub fn new(usual: Duration) -> Self {
        Self { began: Instant::now(), turns: Mutex::new(rate_limit::RateLimit::new(usual)) }
    }

    /// The same, with turns that lie so far ahead at most.
    #[must_use]
    pub fn within(usual: Duration, latest: Duration) -> Self {
        Self { began: Instant::now(), turns: Mutex::new(rate_limit::RateLimit::within(usual, latest)) }
    }

    /// Waits for one's turn; `false` if that is too late.
    pub async fn turn(&self) -> bool {
        match self.take_turn() {
            Some(turn) => turn.await,
            None => return false,
        }
        true
    }

    /// Takes a turn, to be waited for; none if that is too late.
    pub fn take_turn(&self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let now = self.began.elapsed();
        let turn = self.turns().turn(now)?;
        let (at, is_due) = (self.began + turn, turn <= now + TIMER);
        Some(async move {
            if !is_due {
                sleep_until(at).await;
            }
        })
    }

    /// Gives back the turns that were taken and are not waited for any more.
    pub fn give_back(&self) {
        let now = self.began.elapsed();
        self.turns().give_back(now);
    }

    /// Waits until another page may be read.
    pub async fn until_near(&self) {
        let near = self.turns().near(self.began.elapsed());
        sleep_until(self.began + near).await;
    }

    /// The size of the next page.
    #[must_use]
    pub fn page(&self) -> usize {
        self.turns().page()
    }

    /// Slower, because a try was refused.
    pub fn slow_down(&self) {
        self.turns().slow_down();
    }

    /// Faster, because one was not.
    pub fn speed_up(&self) {
        self.turns().speed_up();
    }

    fn turns(&self) -> MutexGuard<'_, rate_limit::RateLimit> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_its_turn() {
        let limiter = RateLimiter::new(Duration::from_millis(10));
        let began = Instant::now();
        for _ in 0..101 {
            assert!(limiter.turn().await);
        }
        let took = began.elapsed();
        assert!((Duration::from_millis(990)..=Duration::from_millis(1_150)).contains(&took), "{took:?}");
    }
}
