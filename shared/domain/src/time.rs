//! Moments and how they are written.

use std::fmt;
use std::num::ParseIntError;
use std::ops::{Add, Sub};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// A moment, in whole seconds since 1970, as DynamoDB's TTL and JWT's `exp` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub i64);

impl Seconds {
    /// A moment that never comes.
    pub const NEVER: Self = Self(i64::MAX);

    /// Its beginning, to the millisecond.
    #[must_use]
    pub fn millis(self) -> Millis {
        Millis(self.0.saturating_mul(1000))
    }
}

impl Add<i64> for Seconds {
    type Output = Self;

    /// This moment and so many seconds more.
    fn add(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

impl Sub<i64> for Seconds {
    type Output = Self;

    /// So many seconds before this moment.
    fn sub(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }
}

impl Sub for Seconds {
    type Output = i64;

    /// The seconds from an earlier moment to this one.
    fn sub(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seconds {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl Millis {
    /// The same moment in whole seconds, rounded down.
    #[must_use]
    pub fn seconds(self) -> Seconds {
        Seconds(self.0.div_euclid(1000))
    }

    /// This moment and `milliseconds` more.
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }

    /// Reads what [`Millis::rfc3339`] writes, and what else RFC 3339 allows.
    ///
    /// # Errors
    /// Why it is no moment.
    pub fn from_rfc3339(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>().map(|moment| Self(moment.as_millisecond())).map_err(|error| error.to_string())
    }

    /// As RFC 3339 writes it, in UTC and to the millisecond: `2026-11-21T19:45:00.123Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let moment = Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::MAX);
        format!("{moment:.3}")
    }
}

/// Writes a moment as RFC 3339 does, where serde would write a number.
///
/// # Errors
/// The serializer's.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
pub fn rfc3339<S: Serializer>(moment: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
    moment.rfc3339().serialize(serializer)
}

/// The same, where there may be none.
///
/// # Errors
/// The serializer's.
#[allow(clippy::ref_option, reason = "serde's form")]
pub fn optional_rfc3339<S: Serializer>(moment: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(Millis::rfc3339).serialize(serializer)
}

/// Reads what [`rfc3339`] writes.
///
/// # Errors
/// The deserializer's, or that it is no moment.
pub fn read_rfc3339<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let text = String::deserialize(deserializer)?;
    Millis::from_rfc3339(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc_to_the_millisecond() {
        assert_eq!(Millis(1_795_290_300_123).rfc3339(), "2026-11-21T19:45:00.123Z");
        assert_eq!(Millis(0).rfc3339(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Millis::from_rfc3339("2026-11-21T19:45:00.123Z"), Ok(Millis(1_795_290_300_123)));
        assert!(Millis::from_rfc3339("yesterday").is_err());
    }

    #[test]
    fn seconds_round_down_on_both_sides_of_1970() {
        assert_eq!(Millis(1999).seconds(), Seconds(1));
        assert_eq!(Millis(-1).seconds(), Seconds(-1));
        assert_eq!(Seconds(-1).millis(), Millis(-1000));
    }
}
