//! Patterns: what a token may read and send to.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::channel::{Channel, InvalidChannel};

/// A channel's name, or a prefix of names that ends in `*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub enum Pattern {
    /// One channel.
    Exactly(Channel),
    /// Every channel whose name begins so.
    Prefix(String),
}

/// Other people's inboxes are read only with a prefix that begins with this.
const INBOXES: &str = "user:";

impl Pattern {
    /// Every channel, for publishing.
    #[must_use]
    pub fn all() -> Self {
        Self::Prefix(String::new())
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// It neither ends in its only `*` nor is a channel name.
    pub fn parse(text: &str) -> Result<Self, InvalidChannel> {
        match text.strip_suffix('*') {
            Some(prefix) if !prefix.contains('*') => Ok(Self::Prefix(prefix.to_owned())),
            _ => Channel::parse(text).map(Self::Exactly),
        }
    }

    /// Whether a publisher with this pattern may send to `channel`.
    #[must_use]
    pub fn opens_for_publishing(&self, channel: &Channel) -> bool {
        match self {
            Self::Exactly(name) => name == channel,
            Self::Prefix(prefix) => channel.as_str().starts_with(prefix),
        }
    }

    /// Whether a reader with this pattern may read `channel`. Unlike for publishing, `*`, `u*` and `user*` do not open
    /// people's inboxes: only a pattern that begins with `user:` in full does.
    #[must_use]
    pub fn opens_for_reading(&self, channel: &Channel) -> bool {
        let named = match self {
            Self::Exactly(_) => true,
            Self::Prefix(prefix) => prefix.starts_with(INBOXES),
        };
        (named || !channel.is_inbox()) && self.opens_for_publishing(channel)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(name) => name.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.to_string()
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(pattern: &str, channel: &str) -> bool {
        Pattern::parse(pattern).unwrap().opens_for_reading(&Channel::parse(channel).unwrap())
    }

    #[test]
    fn a_prefix_opens_other_peoples_inboxes_only_with_the_namespace_in_full() {
        for pattern in ["*", "u*", "user*"] {
            assert!(!reads(pattern, "user:bob"), "{pattern}");
        }
        assert!(reads("user:*", "user:bob"));
        assert!(reads("user:b*", "user:bob"));
        assert!(reads("user:bob", "user:bob"));
        assert!(reads("*", "topic:news"));
        assert!(reads("user*", "users:all"));
    }

    #[test]
    fn a_star_anywhere_but_at_the_end_is_refused() {
        for text in ["*:news", "topic:*a", "topic:**", ""] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_may_be_read_by_a_pattern_may_be_sent_to_by_it(prefix in "[a-z]{0,4}:?[a-z]{0,3}", name in "(user|us|topic):[a-z]{1,4}") {
            let pattern = Pattern::Prefix(prefix);
            let channel = Channel::parse(&name).unwrap();
            prop_assert!(!pattern.opens_for_reading(&channel) || pattern.opens_for_publishing(&channel));
        }

        #[test]
        fn a_pattern_is_written_as_it_was_read(text in "([a-z]{1,5}:[a-z]{1,5}|[a-z]{0,5}:?[a-z]{0,5}\\*)") {
            prop_assert_eq!(Pattern::parse(&text).unwrap().to_string(), text);
        }
    }
}
