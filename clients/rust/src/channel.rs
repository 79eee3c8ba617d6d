//! Channel names, and places in a channel's log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const USER_NAMESPACE: &str = "user";

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
     letter (at most 32 characters), and a name of A-Z, a-z, 0-9 and `._~@|+=-` (at most 180); in a user's own, each byte \
     of another character is written `!` and two digits, as `!3A` for `:`"
)]
pub struct InvalidChannel(String);

impl Channel {
    /// The own channel of the user whose token has this `sub`. What a channel's name cannot hold is escaped.
    ///
    /// # Errors
    /// `sub` is empty or too long.
    pub fn inbox(sub: &str) -> Result<Self, InvalidChannel> {
        format!("{USER_NAMESPACE}:{}", escape(sub)).parse()
    }

    /// The `sub` of the user whose own channel this is; `None` for other channels.
    #[must_use]
    pub fn sub(&self) -> Option<String> {
        let (namespace, name) = self.0.split_once(':')?;
        unescape(name).filter(|_| namespace == USER_NAMESPACE)
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
            Some((USER_NAMESPACE, name)) if is_user_name(name) => Ok(Self(text.to_owned())),
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
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Each user has one name: what [`escape`] makes of their `sub`.
fn is_user_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && unescape(text).is_some_and(|sub| escape(&sub) == text)
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~@|+=-".contains(&byte)
}

fn escape(sub: &str) -> String {
    let escaped = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("!{byte:02X}") };
    sub.bytes().map(escaped).collect()
}

fn unescape(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    let mut sub = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        sub.push(if byte == b'!' { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    String::from_utf8(sub).ok()
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
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
    fn an_inbox_is_named_as_the_server_names_it() {
        for (sub, name) in [("alice", "user:alice"), ("f:1:alice", "user:f!3A1!3Aalice"), ("zoë!", "user:zo!C3!AB!21")]
        {
            let inbox = Channel::inbox(sub).unwrap();
            assert_eq!((inbox.as_str(), inbox.sub().as_deref()), (name, Some(sub)));
            assert_eq!(name.parse(), Ok(inbox));
        }
        assert!(Channel::inbox("").is_err() && Channel::inbox(&":".repeat(61)).is_err());
        for name in ["user:f!3a1", "user:!41", "user:a!", "topic:f!3A1"] {
            assert!(name.parse::<Channel>().is_err(), "{name}");
        }
        assert_eq!("topic:a".parse::<Channel>().unwrap().sub(), None);
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
