//! Spans of time as requests write them.

use jiff::{Span, SpanRelativeTo, Unit};

/// Reads a span written `90s`, `15m`, `24h`, `7d` or as ISO 8601 does, in whole seconds, rounded down.
///
/// # Errors
/// Why it is none.
pub fn parse_seconds(text: &str) -> Result<i64, String> {
    let span: Span = text.parse().map_err(|_| "write a span of time: 90s, 15m, 24h or 7d".to_owned())?;
    let seconds = span
        .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| "write it in weeks, days, hours, minutes or seconds".to_owned())?;
    #[allow(clippy::cast_possible_truncation, reason = "a span is bounded to some 10^11 seconds by jiff")]
    Ok(seconds.floor() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_counted_in_seconds() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("PT1H", 3600)] {
            assert_eq!(parse_seconds(text), Ok(seconds));
        }
        for text in ["", "soon", "7", "1mo", "1y"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
