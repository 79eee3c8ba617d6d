//! A notification's place in a channel's log.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The largest integer that every JSON reader keeps exactly (2^53 - 1, RFC 8259 section 6).
const MAX: u64 = (1 << 53) - 1;

/// The form of a seq.
pub(crate) const A_SEQ: &str = "a whole number from 0 to 9007199254740991";

/// A place in one channel's log: 1 is the first; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first notification.
    pub const ZERO: Self = Self(0);

    /// Reads a seq as [`whole`] reads a number.
    ///
    /// # Errors
    /// It is none, or too large.
    pub fn parse(text: &str) -> Result<Self, String> {
        whole(text).map(Self).ok_or_else(|| format!("a seq is {A_SEQ}"))
    }

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Reads a whole number up to 2^53 - 1, in digits; engines that know doubles only write `41.0`, so zeros may follow a point.
/// `None` for anything else.
#[must_use]
pub fn whole(text: &str) -> Option<u64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = is_digits(digits) && is_digits(fraction) && fraction.bytes().all(|byte| byte == b'0');
    digits.parse().ok().filter(|number| is_whole && *number <= MAX)
}

/// The whole number that a double is.
fn of_double(number: f64) -> Option<u64> {
    #[allow(clippy::cast_precision_loss, reason = "2^53 - 1 is a double")]
    let is_whole = number.fract() == 0.0 && (0.0..=MAX as f64).contains(&number);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and in the range")]
    is_whole.then_some(number as u64)
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl Visitor<'_> for Whole {
            type Value = Seq;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(A_SEQ)
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Seq, E> {
                if number <= MAX { Ok(Seq(number)) } else { Err(E::custom(format!("a seq is {A_SEQ}"))) }
            }

            // Readers that look at a number before they know what it is for give it so.
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Seq, E> {
                self.visit_u64(u64::try_from(number).map_err(|_| E::custom(format!("a seq is {A_SEQ}")))?)
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Seq, E> {
                of_double(number).map(Seq).ok_or_else(|| E::custom(format!("a seq is {A_SEQ}")))
            }
        }

        deserializer.deserialize_any(Whole)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_double_is_a_seq() {
        for (text, seq) in
            [("41", 41), ("41.0", 41), ("41.000", 41), ("4.1e1", 41), ("410E-1", 41), ("0.0", 0), ("-0.0", 0)]
        {
            assert_eq!(serde_json::from_str::<Seq>(text).unwrap(), Seq(seq), "{text}");
        }
    }

    #[test]
    fn in_a_text_a_seq_is_digits_and_perhaps_a_point_and_zeros() {
        for text in ["41", "41.0", "41.000", "0041"] {
            assert_eq!(Seq::parse(text), Ok(Seq(41)), "{text}");
        }
    }

    #[test]
    fn a_seq_is_read_where_its_reader_looks_at_numbers_first() {
        #[derive(Deserialize)]
        struct Outer {
            #[serde(flatten)]
            inner: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            seq: Seq,
        }
        for value in [json!(41_u64), json!(41_i64), json!(41.0)] {
            let outer: Outer = serde_json::from_value(json!({ "seq": value })).unwrap();
            assert_eq!(outer.inner.seq, Seq(41), "{value}");
        }
        // As DynamoDB's rows are read.
        let deserializer = de::value::I64Deserializer::<de::value::Error>::new(41);
        assert_eq!(Seq::deserialize(deserializer).unwrap(), Seq(41));
        let deserializer = de::value::I64Deserializer::<de::value::Error>::new(-1);
        assert!(Seq::deserialize(deserializer).is_err());
    }

    #[test]
    fn nothing_else_is() {
        for text in ["41.5", "-1", "-1.0", "1e300", "9007199254740992", "9007199254740992.0", "18446744073709551616"] {
            assert!(serde_json::from_str::<Seq>(text).is_err(), "{text}");
            assert!(Seq::parse(text).is_err(), "{text}");
        }
        for text in [
            "", " 41", "+41", "41.", ".5", ".0", "41.0.0", "4.1e1", "410E-1", "-0.0", "0x29", "inf", "NaN", "٤١",
            "\"41\"", "null",
        ] {
            assert!(Seq::parse(text).is_err(), "{text}");
        }
        for value in [json!("41"), json!(null), json!([41]), json!(true)] {
            assert!(serde_json::from_value::<Seq>(value.clone()).is_err(), "{value}");
        }
    }
}
