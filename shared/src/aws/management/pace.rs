//! Waiting for one's turn to post, or to try again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::pace;
use tokio::time::{Instant, sleep_until};

/// Lets posts go one after the other.
#[derive(Debug)]
pub struct Pace {
    began: Instant,
    turns: Mutex<pace::Pace>,
}

impl Pace {
    /// With so much between two turns.
    #[must_use]
    pub fn new(usual: Duration) -> Self {
        Self { began: Instant::now(), turns: Mutex::new(pace::Pace::new(usual)) }
    }

    /// Waits for one's turn; `false` if that is too late.
    pub async fn turn(&self) -> bool {
        let now = self.began.elapsed();
        let Some(turn) = self.turns().turn(now) else { return false };
        // No timer is finer than this.
        if turn > now + Duration::from_millis(1) {
            sleep_until(self.began + turn).await;
        }
        true
    }

    /// Waits until another page may be read.
    pub async fn until_near(&self) {
        let near = self.turns().near(self.began.elapsed());
        sleep_until(self.began + near).await;
    }

    /// How many a page is to have now.
    #[must_use]
    pub fn page(&self) -> usize {
        self.turns().page()
    }

    /// Slower, because a try was refused.
    pub(super) fn slow_down(&self) {
        self.turns().slow_down();
    }

    /// Faster, because one was not.
    pub(super) fn speed_up(&self) {
        self.turns().speed_up();
    }

    fn turns(&self) -> MutexGuard<'_, pace::Pace> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_its_turn() {
        let pace = Pace::new(Duration::from_millis(10));
        let began = Instant::now();
        for _ in 0..101 {
            assert!(pace.turn().await);
        }
        let took = began.elapsed();
        assert!((Duration::from_millis(990)..=Duration::from_millis(1_150)).contains(&took), "{took:?}");
    }
}
