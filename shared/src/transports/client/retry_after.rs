//! When a receiver asks to be tried again (`Retry-After`, RFC 9110, section 10.2.3).

use std::time::{Duration, UNIX_EPOCH};

use domain::time::Millis;

/// Nobody is waited for longer than this: a day, which is also the longest wait between two tries.
const LONGEST_SECONDS: u64 = 24 * 60 * 60;

/// The seconds from `now` on, at most [`LONGEST_SECONDS`]; a moment that has passed is 0. `None` for what is neither a
/// number of seconds nor one of HTTP's three forms of a date.
#[must_use]
pub(super) fn retry_after(value: &str, now: Millis) -> Option<u64> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more than the longest wait.
        return Some(value.parse().unwrap_or(u64::MAX).min(LONGEST_SECONDS));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).ok()?);
    // Rounded up: half a second early is early.
    let wait = until.duration_since(now).unwrap_or_default().as_millis().div_ceil(1000);
    Some(u64::try_from(wait).unwrap_or(u64::MAX).min(LONGEST_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_count_and_are_bounded() {
        let now = Millis::from_rfc3339("1994-11-06T08:49:07.500Z").unwrap();
        for (value, seconds) in [
            ("0", Some(0)),
            (" 120 ", Some(120)),
            ("86401", Some(86_400)),
            ("99999999999999999999999999", Some(86_400)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:49:07 GMT", Some(0)),
            ("Fri, 06 Nov 2026 08:49:37 GMT", Some(86_400)),
            ("-1", None),
            ("1.5", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(value, now), seconds, "{value}");
        }
    }
}
