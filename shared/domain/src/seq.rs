//! A notification's place in a channel's log.

use serde::{Deserialize, Deserializer, Serialize};

/// The largest integer that every JSON reader keeps exactly (2^53 - 1, RFC 8259 section 6).
const MAX: u64 = (1 << 53) - 1;

/// A place in one channel's log: 1 is the first; 0 stands before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first notification.
    pub const ZERO: Self = Self(0);

    /// Reads a seq from digits.
    ///
    /// # Errors
    /// They are none, or too many.
    pub fn parse(digits: &str) -> Result<Self, String> {
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let seq = digits.parse().ok().filter(|seq| is_plain && *seq <= MAX);
        seq.map(Self).ok_or_else(|| format!("a seq is a whole number from 0 to {MAX}"))
    }

    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Seq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let n = u64::deserialize(deserializer)?;
        if n > MAX {
            return Err(serde::de::Error::custom(format!("a seq is at most {MAX}")));
        }
        Ok(Self(n))
    }
}
