//! Channel names and users.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::user_name;

/// The expectation of a field that takes one channel or several.
pub(crate) const ONE_OR_MORE: &str = "a channel's name or a list of them";

/// The namespace of people's own channels.
pub const USER_NAMESPACE: &str = "user";

/// The beginning of the sender's name for messages of SNS, in place of a user's name.
const SNS: &str = "sns:";

const MAX_NAMESPACE: usize = 32;
const MAX_NAME: usize = 180;

/// The name of a channel: `namespace:name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Channel(String);

/// Why a text is no channel name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChannel {
    /// There is no `:` in it.
    #[error("a channel is named `namespace:name`, such as `topic:news`")]
    NoNamespace,
    /// The part before the `:` is wrong.
    #[error(
        "the namespace, before the `:`, begins with a-z, continues with a-z, 0-9, `_` or `-`, and has at most 32 characters"
    )]
    Namespace,
    /// The part behind the `:` is wrong.
    #[error("the name, after the `:`, has 1 to 180 characters of A-Z, a-z, 0-9 and `._~@|+=-`")]
    Name,
    /// The part behind `user:` is wrong.
    #[error("after `user:`: {}", InvalidSub)]
    User,
}

impl Channel {
    /// Reads a channel name.
    ///
    /// # Errors
    /// Says which part breaks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidChannel> {
        let (namespace, name) = text.split_once(':').ok_or(InvalidChannel::NoNamespace)?;
        if !is_namespace(namespace) {
            return Err(InvalidChannel::Namespace);
        }
        match namespace {
            USER_NAMESPACE if !is_user_name(name) => Err(InvalidChannel::User),
            USER_NAMESPACE => Ok(Self(text.to_owned())),
            _ if !is_name(name) => Err(InvalidChannel::Name),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The user's own channel, their inbox.
    #[must_use]
    pub fn inbox(sub: &Sub) -> Self {
        Self(format!("{USER_NAMESPACE}:{sub}"))
    }

    /// The name in full.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whose inbox this is, if it is one.
    #[must_use]
    pub fn inbox_of(&self) -> Option<Sub> {
        let (namespace, name) = self.0.split_once(':')?;
        (namespace == USER_NAMESPACE).then(|| Sub(name.to_owned()))
    }

    /// Whether this is somebody's inbox.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.0.split_once(':').is_some_and(|(namespace, _)| namespace == USER_NAMESPACE)
    }
}

fn is_namespace(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    text.len() <= MAX_NAMESPACE && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) && text.bytes().all(rest)
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(user_name::is_plain)
}

fn is_user_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len()) && user_name::is_user_name(text)
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A text is no user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user's name has 1 to 180 characters of A-Z, a-z, 0-9 and `._~@|+=-`; each other character of the user's claim \
     stands there as `!` and two digits, 0-9 or A-F, for each of its bytes, as `!3A` for `:`"
)]
pub struct InvalidSub;

/// A claim names no user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user is named by 1 to 180 characters, and each byte but A-Z, a-z, 0-9 and `._~@|+=-` counts as three")]
pub struct InvalidClaim;

/// A user, named as in their own channel's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Sub(String);

impl Sub {
    /// Reads a user's name.
    ///
    /// # Errors
    /// It has other characters than a user's name may have, or more than 180.
    pub fn parse(text: &str) -> Result<Self, InvalidSub> {
        if is_user_name(text) { Ok(Self(text.to_owned())) } else { Err(InvalidSub) }
    }

    /// The user whose token has this claim: what a channel's name cannot hold is escaped.
    ///
    /// # Errors
    /// It is empty, or the name would have more than 180 characters.
    pub fn of_claim(claim: &str) -> Result<Self, InvalidClaim> {
        let name = user_name::escape(claim);
        if (1..=MAX_NAME).contains(&name.len()) { Ok(Self(name)) } else { Err(InvalidClaim) }
    }

    /// The sender of everything that comes in over SNS. No token can have this name, since a user's name has no `:`.
    #[must_use]
    pub fn sns() -> Self {
        Self(SNS.to_owned())
    }

    /// Reads a name that was stored.
    ///
    /// # Errors
    /// It is neither a user's nor SNS's.
    pub fn stored<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == SNS { Ok(Self::sns()) } else { Self::parse(&text).map_err(serde::de::Error::custom) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for Sub {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_names_that_people_have_fit() {
        for name in ["user:alice", "user:alice@example.org", "user:auth0|5f7c", "topic:news", "order:4711", "a:A~b=c+d"]
        {
            assert_eq!(Channel::parse(name).map(|c| c.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn the_refusal_of_a_name_says_which_part_is_wrong() {
        use InvalidChannel::{Name, Namespace, NoNamespace};
        let long = "x".repeat(181);
        for (name, why) in [
            ("", NoNamespace),
            ("news", NoNamespace),
            (":news", Namespace),
            ("News:a", Namespace),
            ("1a:a", Namespace),
            ("a b:c", Namespace),
            ("topic:", Name),
            ("topic:a b", Name),
            ("topic:a:41", Name),
            ("topic:é", Name),
            ("topic:a/b", Name),
            (&format!("topic:{long}"), Name),
            (&format!("{}:a", "n".repeat(33)), Namespace),
        ] {
            assert_eq!(Channel::parse(name), Err(why), "{name}");
        }
    }

    #[test]
    fn only_a_users_name_has_escapes() {
        for name in ["user:f!3A1!3Aalice", "user:zo!C3!AB"] {
            assert_eq!(Channel::parse(name).map(|c| c.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(Channel::parse("topic:f!3A1"), Err(InvalidChannel::Name));
        for name in
            ["user:f:1:alice", "user:f!3a1", "user:!41", "user:", "user:a b", &format!("user:{}", "!3A".repeat(61))]
        {
            assert_eq!(Channel::parse(name), Err(InvalidChannel::User), "{name}");
        }
    }

    #[test]
    fn whatever_a_claim_is_the_user_has_a_channel() {
        for claim in ["alice", "f:1:alice", "zoë", "sns:", &"a".repeat(180), &":".repeat(60)] {
            let sub = Sub::of_claim(claim).unwrap();
            assert!(Channel::parse(Channel::inbox(&sub).as_str()).is_ok(), "{claim}");
            assert_ne!(sub, Sub::sns());
        }
        for claim in ["", &"a".repeat(181), &":".repeat(61)] {
            assert_eq!(Sub::of_claim(claim), Err(InvalidClaim), "{claim}");
        }
    }

    #[test]
    fn only_the_user_namespace_holds_inboxes() {
        assert!(Channel::parse("user:alice").is_ok_and(|c| c.is_inbox()));
        let alice = Sub::parse("alice").unwrap();
        assert_eq!(Channel::inbox(&alice).inbox_of(), Some(alice));
        assert_eq!(Channel::parse("topic:alice").unwrap().inbox_of(), None);
        assert!(Channel::parse("users:alice").is_ok_and(|c| !c.is_inbox()));
    }

    proptest! {
        #[test]
        fn what_the_grammar_makes_is_read_back_unchanged(name in "[a-z][a-z0-9_-]{0,31}:[A-Za-z0-9._~@|+=-]{1,180}") {
            prop_assert_eq!(Channel::parse(&name).map(|c| c.to_string()), Ok(name));
        }

        #[test]
        fn no_text_makes_the_parser_panic_and_what_it_takes_has_one_colon(text in "(user:)?.{0,300}") {
            if let Ok(channel) = Channel::parse(&text) {
                prop_assert_eq!(channel.as_str().matches(':').count(), 1);
            }
        }
    }
}
