//! Invocations for which nobody waits: Lambda tries them again itself.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::time::Instant;

use super::Lambda;
use crate::log;

/// What a function says about such invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retries {
    /// How often a failed one is tried again.
    pub(crate) attempts: u32,
    /// How old an event may become before it is given up.
    pub(crate) max_age: Duration,
}

impl Default for Retries {
    /// As Lambda does it by itself.
    fn default() -> Self {
        Self { attempts: 2, max_age: Duration::from_secs(6 * 60 * 60) }
    }
}

impl Retries {
    /// How long to wait before a failed event is tried once more, if it is; `age` is how old it is.
    fn next(self, tried_again: u32, age: Duration) -> Option<Duration> {
        let wait = Duration::from_secs(60 * u64::from(tried_again + 1));
        (tried_again < self.attempts && age + wait <= self.max_age).then_some(wait)
    }
}

impl Lambda {
    /// Has a function work on an event, and tries again if it fails.
    pub(crate) async fn deliver(self: &Arc<Self>, function: &str, event: &Value) {
        let retries = self.pools.get(function).map_or_else(Retries::default, |pool| pool.launch.function.retries);
        let begun = Instant::now();
        for tried_again in 0.. {
            let Err(error) = self.invoke(function, event).await else { return };
            if self.is_stopping() {
                return;
            }
            let Some(wait) = retries.next(tried_again, begun.elapsed()) else {
                log::line(function, &format!("an asynchronous event is given up: {error}"));
                return;
            };
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_again_after_a_minute_and_after_two_more() {
        let (minute, now) = (Duration::from_secs(60), Duration::ZERO);
        let usual = Retries::default();
        assert_eq!(usual.next(0, now), Some(minute));
        assert_eq!(usual.next(1, minute), Some(2 * minute));
        assert_eq!(usual.next(2, 3 * minute), None);
    }

    #[test]
    fn a_function_may_say_otherwise() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retries { attempts: 0, ..Retries::default() }.next(0, Duration::ZERO), None);
        let short = Retries { max_age: 2 * minute, ..Retries::default() };
        assert_eq!(short.next(0, Duration::from_secs(1)), Some(minute));
        assert_eq!(short.next(1, minute), None);
    }
}
