//! Channel names, and places in a channel's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MAX_NAMESPACE: usize = 32;
const MAX_NAME: usize = 180;

/// The name of a channel: `namespace:name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(String);

/// Why a text is no channel name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no channel: one is named `namespace:name`, with a namespace of a-z, 0-9, `_` and `-` that begins with a \
     letter (at most 32 characters), and a name of A-Z, a-z, 0-9 and `._~@|+=-` (at most 180)"
)]
pub struct InvalidChannel(String);

impl Channel {
    /// The user's own channel.
    ///
    /// # Errors
    /// `sub` has characters that no channel name may have.
    pub fn inbox(sub: &str) -> Result<Self, InvalidChannel> {
        format!("user:{sub}").parse()
    }

    /// The name in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Channel {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        match text.split_once(':') {
            Some((namespace, name)) if is_namespace(namespace) && is_name(name) => Ok(Self(text.to_owned())),
            _ => Err(InvalidChannel(text.to_owned())),
        }
    }
}

fn is_namespace(text: &str) -> bool {
    text.len() <= MAX_NAMESPACE
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~@|+=-".contains(&b))
}

impl TryFrom<String> for Channel {
    type Error = InvalidChannel;

    fn try_from(text: String) -> Result<Self, InvalidChannel> {
        text.parse()
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A channel, and the newest seq of it that the application has: `user:alice:41`. Without a seq (`user:alice`) it means
/// that nothing is known yet; reading then begins with the channel's newest notifications.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The channel.
    pub channel: Channel,
    /// The newest seq that the application has. 0 means the start of the log.
    pub seq: Option<u64>,
}

/// Why a text is no cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// The part before the seq is no channel name.
    #[error(transparent)]
    Channel(#[from] InvalidChannel),
    /// The part behind the channel is no seq.
    #[error("`{0}` is no seq: it is the number of the newest notification that you have")]
    Seq(String),
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    /// Reads `namespace:name` or `namespace:name:seq`. A name has no `:`, so the second one begins the seq.
    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut colons = text.match_indices(':').map(|(at, _)| at);
        let Some(at) = colons.nth(1) else {
            return Ok(Self { channel: text.parse()?, seq: None });
        };
        let digits = &text[at + 1..];
        let invalid = || InvalidCursor::Seq(digits.to_owned());
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let seq = digits.parse().map_err(|_| invalid())?;
        Ok(Self { channel: text[..at].parse()?, seq: Some(seq) })
    }
}

impl From<Channel> for Cursor {
    fn from(channel: Channel) -> Self {
        Self { channel, seq: None }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "{}:{seq}", self.channel),
            None => self.channel.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_a_channel_with_or_without_a_seq() {
        let read = |text: &str| text.parse::<Cursor>().map(|c| (c.channel.to_string(), c.seq));
        assert_eq!(read("user:alice"), Ok(("user:alice".to_owned(), None)));
        assert_eq!(read("user:alice:41"), Ok(("user:alice".to_owned(), Some(41))));
        assert_eq!(read("user:41"), Ok(("user:41".to_owned(), None)));
        assert_eq!(read("user:alice@example.org:0"), Ok(("user:alice@example.org".to_owned(), Some(0))));
    }

    #[test]
    fn what_is_no_cursor_says_why() {
        for text in ["alice", "User:alice", "user:", "user::1", "1user:a", "user:a b"] {
            assert!(matches!(text.parse::<Cursor>(), Err(InvalidCursor::Channel(_))), "{text}");
        }
        for text in
            ["user:alice:", "user:alice:-1", "user:alice:+1", "user:alice:1:2", "user:alice:99999999999999999999"]
        {
            assert!(matches!(text.parse::<Cursor>(), Err(InvalidCursor::Seq(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_grammar_makes_is_read_back(
            name in "[a-z][a-z0-9_-]{0,31}:[A-Za-z0-9._~@|+=-]{1,180}",
            seq in any::<Option<u64>>(),
        ) {
            let cursor = Cursor { channel: name.parse().unwrap(), seq };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
