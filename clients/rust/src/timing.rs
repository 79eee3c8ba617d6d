//! The client's periods, and the jitter in them.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;

/// The periods of a [`Listener`](crate::Listener). Where a range is given, a moment in it is drawn each time, so that
/// clients that were cut at once do not come back at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// The time for which a seq that jumps is held before the client asks for the missing ones. It doubles, up to
    /// eightfold, while asking does not help.
    pub gap: RangeInclusive<Duration>,
    /// The wait for an answer before asking once more. It doubles, up to fourfold, while none comes.
    pub answer: RangeInclusive<Duration>,
    /// The silence after which the client sends a ping: the first one, and the longest. It doubles with each answered ping, give or
    /// take a quarter. It never exceeds nine minutes, because API Gateway closes a connection after ten idle ones.
    pub ping: RangeInclusive<Duration>,
    /// The wait, after a ping, until anything is heard.
    pub pong: Duration,
    /// The age at which another connection takes a connection's place; API Gateway closes it at 2 h.
    pub replace: RangeInclusive<Duration>,
    /// The wait after a connection that worked was lost. All clients may have lost theirs at once.
    pub reconnect: RangeInclusive<Duration>,
    /// The wait before a new connection when the server closed one because the user has too many.
    pub crowded: RangeInclusive<Duration>,
    /// The wait after no connection could be opened. It doubles with each failure.
    pub first_retry: Duration,
    /// The longest wait before a reconnect.
    pub longest_retry: Duration,
    /// The longest that opening a connection may take.
    pub connect: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self {
            gap: Duration::from_millis(500)..=Duration::from_secs(3),
            answer: Duration::from_secs(10)..=Duration::from_secs(15),
            ping: Duration::from_secs(30)..=minutes(5),
            pong: Duration::from_secs(10),
            replace: minutes(100)..=minutes(115),
            reconnect: Duration::ZERO..=Duration::from_secs(2),
            crowded: minutes(1)..=minutes(5),
            first_retry: Duration::from_millis(200),
            longest_retry: Duration::from_secs(30),
            connect: Duration::from_secs(20),
        }
    }
}

/// A moment further away than this never comes, and might be more than an [`Instant`] can hold.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

const LATEST_PING: Duration = Duration::from_secs(9 * 60);

/// The moment `wait` from `now`.
pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    now + wait.min(FAR)
}

/// A moment in `range`.
pub(crate) fn within(rng: &mut StdRng, range: &RangeInclusive<Duration>) -> Duration {
    if range.is_empty() { *range.start() } else { rng.random_range(range.clone()) }
}

/// The silence before the next ping, on a connection that has answered this many.
pub(crate) fn silence(rng: &mut StdRng, ping: &RangeInclusive<Duration>, answered: u32) -> Duration {
    let full = ping.start().saturating_mul(2_u32.saturating_pow(answered)).min(*ping.end());
    let quarter = full / 4;
    within(rng, &(full - quarter..=full.saturating_add(quarter))).min(LATEST_PING)
}

/// `first`, doubled for each failure but the first, up to `longest`; half of it is left to chance.
pub(crate) fn backoff(rng: &mut StdRng, first: Duration, longest: Duration, failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1));
    let full = first.saturating_mul(factor).min(longest);
    within(rng, &(full / 2..=full))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_idle_connection_has_at_most_30_frames_an_hour_and_never_ten_minutes_without_one() {
        let mut rng = StdRng::seed_from_u64(7);
        let ping = Timing::default().ping;
        let silences: Vec<_> = (0..500).map(|answered| silence(&mut rng, &ping, answered)).collect();
        assert!(silences[0] < Duration::from_secs(38), "{silences:?}");
        assert!(silences.iter().all(|silence| *silence <= LATEST_PING), "{silences:?}");
        let hours = silences[10..].iter().sum::<Duration>().as_secs_f64() / 3_600.0;
        let frames = 2.0 * 490.0 / hours;
        assert!((20.0..=30.0).contains(&frames), "{frames} frames an hour");
    }

    #[test]
    fn a_backoff_grows_from_the_first_wait_to_the_longest() {
        let (first, longest) = (Duration::from_millis(200), Duration::from_secs(30));
        for seed in 0..50 {
            let mut rng = StdRng::seed_from_u64(seed);
            let waits: Vec<_> = [1, 2, 9, 100].map(|n| backoff(&mut rng, first, longest, n)).into();
            assert!((first / 2..=first).contains(&waits[0]), "{waits:?}");
            assert!((first..=first * 2).contains(&waits[1]), "{waits:?}");
            assert!((longest / 2..=longest).contains(&waits[2]), "{waits:?}");
            assert!((longest / 2..=longest).contains(&waits[3]), "{waits:?}");
        }
    }
}
