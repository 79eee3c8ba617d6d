//! When an attempt that failed is made again.

/// The pauses between two attempts, in seconds.
const PAUSES: [i64; 9] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// The most attempts at one delivery.
pub const ATTEMPTS: u32 = PAUSES.len() as u32 + 1;

/// The time that a log has to keep what may still be attempted, in days: the pauses with their jitter, and the delay
/// that queues add.
pub const LOG_KEEPS: i64 = 4;

/// The longest that an endpoint may ask us to wait, in seconds.
const LONGEST_WISH: i64 = 24 * 3600;

/// An endpoint that has taken nothing for so long is disabled, in milliseconds.
pub const GIVES_UP: i64 = 5 * 24 * 3600 * 1000;

/// A pause is longer by at most this part of it, so that deliveries that failed together are not retried together.
const JITTER: f64 = 0.1;

/// The pause after so many attempts, in milliseconds; `None` after the last. `wish` is what the endpoint asked for, in
/// seconds; `random` is at least 0 and below 1.
#[must_use]
pub fn pause(attempts: u32, wish: Option<i64>, random: f64) -> Option<i64> {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = PAUSES.get(place)?.max(&wish.unwrap_or_default().min(LONGEST_WISH)) * 1000;
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a day has few milliseconds")]
    let jitter = (pause as f64 * JITTER * random) as i64;
    Some(pause + jitter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_made_ten_times_at_most() {
        let pauses: Vec<i64> =
            (1..).map_while(|attempts| pause(attempts, None, 0.0)).map(|pause| pause / 1000).collect();
        assert_eq!(pauses, PAUSES);
        assert_eq!(pauses.len() as u32 + 1, ATTEMPTS);
        let longest: i64 = (1..).map_while(|attempts| pause(attempts, None, 1.0)).sum();
        assert!(longest < LOG_KEEPS * 24 * 3600 * 1000, "the log keeps a notification for as long: {longest} ms");
    }

    #[test]
    fn an_endpoint_may_ask_for_a_longer_pause_up_to_a_day() {
        assert_eq!(pause(1, Some(60), 0.0), Some(60_000));
        assert_eq!(pause(2, Some(60), 0.0), Some(300_000));
        assert_eq!(pause(1, Some(i64::MAX), 0.0), Some(LONGEST_WISH * 1000));
        assert_eq!(pause(1, Some(-5), 0.0), Some(5_000));
        assert_eq!(pause(ATTEMPTS, Some(60), 0.0), None);
    }

    #[test]
    fn jitter_only_adds() {
        assert_eq!(pause(1, None, 0.999), Some(5_499));
    }
}
