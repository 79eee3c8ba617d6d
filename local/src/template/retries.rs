//! The retries of asynchronous events, as the template sets them for a function.

use std::time::Duration;

/// The retries of a function's asynchronous events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retries {
    /// The attempts after the first one at most.
    pub(crate) attempts: u32,
    /// The age at which an event is given up.
    pub(crate) max_age: Duration,
}

impl Default for Retries {
    /// Lambda's own defaults.
    fn default() -> Self {
        Self { attempts: 2, max_age: Duration::from_secs(6 * 60 * 60) }
    }
}

impl Retries {
    /// The wait before the next attempt of an event that has failed this often; `None` if it is given up. `age` is the event's
    /// age.
    pub(crate) fn next(self, failures: u32, age: Duration) -> Option<Duration> {
        let wait = Duration::from_secs(60 * u64::from(failures));
        (failures <= self.attempts && age + wait <= self.max_age).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_tried_again_after_a_minute_and_after_two_more() {
        let (minute, now) = (Duration::from_secs(60), Duration::ZERO);
        let usual = Retries::default();
        assert_eq!(usual.next(1, now), Some(minute));
        assert_eq!(usual.next(2, minute), Some(2 * minute));
        assert_eq!(usual.next(3, 3 * minute), None);
    }

    #[test]
    fn a_function_may_say_otherwise() {
        let minute = Duration::from_secs(60);
        assert_eq!(Retries { attempts: 0, ..Retries::default() }.next(1, Duration::ZERO), None);
        let short = Retries { max_age: 2 * minute, ..Retries::default() };
        assert_eq!(short.next(1, Duration::from_secs(1)), Some(minute));
        assert_eq!(short.next(2, minute), None);
    }
}
