//! Endpoints' ids. An id says where the endpoint's row is, so that finding it needs no index; and its owner has ten places
//! in a channel, so that no two additions at the same time make eleven.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};

use crate::channel::Sub;

/// Before all endpoints, and behind all connections, whose keys begin with a hexadecimal digit.
pub const PREFIX: &str = "~";

/// The digits of an owner.
const OWNER: usize = 16;

/// The digits of an owner and a place.
const PLACE: usize = OWNER + 1;

/// The digits of an id.
const LENGTH: usize = PLACE + 16;

/// An endpoint's id: 16 digits of its owner's hash, the place, 16 random digits, all in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct EndpointId(String);

impl EndpointId {
    /// A new id for an owner's place, 0 to 9.
    #[must_use]
    pub fn new(owner: &Sub, place: u8, random: [u8; 8]) -> Self {
        Self(format!("{}{}{}", hash(owner), place % super::MOST, hex(&random)))
    }

    /// Reads an id; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let has_place = text.as_bytes().get(OWNER).is_some_and(u8::is_ascii_digit);
        (text.len() == LENGTH && has_place && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The sort key of its row.
    #[must_use]
    pub fn sort_key(&self) -> String {
        format!("{PREFIX}{}", &self.0[..PLACE])
    }

    /// With what the sort keys of an owner's rows begin.
    #[must_use]
    pub fn owned_by(owner: &Sub) -> String {
        format!("{PREFIX}{}", hash(owner))
    }

    /// Whether it is one of an owner's.
    #[must_use]
    pub fn is_of(&self, owner: &Sub) -> bool {
        self.0.starts_with(&hash(owner))
    }

    /// The digits of its owner, who all have the same in every channel.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.0[..OWNER]
    }

    /// The place among its owner's.
    #[must_use]
    pub fn place(&self) -> u8 {
        self.0.as_bytes()[OWNER] - b'0'
    }
}

fn hash(owner: &Sub) -> String {
    hex(&Sha256::digest(owner.as_str())[..OWNER / 2])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EndpointId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("it is no endpoint's id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_where_its_row_is() {
        let alice = Sub::parse("alice").unwrap();
        let id = EndpointId::new(&alice, 7, [0xab; 8]);
        assert_eq!(EndpointId::parse(&id.to_string()), Some(id.clone()));
        assert_eq!(id.sort_key(), format!("{}7", EndpointId::owned_by(&alice)));
        assert_eq!(id.place(), 7);
        assert!(id.is_of(&alice) && !id.is_of(&Sub::parse("bob").unwrap()));
    }

    #[test]
    fn nothing_else_is_an_id() {
        let id = EndpointId::new(&Sub::parse("alice").unwrap(), 0, [1; 8]).to_string();
        let lettered = format!("{}a{}", &id[..16], &id[17..]);
        for text in ["", "x", &id[1..], &format!("{id}0"), &id.to_uppercase().replace('0', "é"), &lettered] {
            assert_eq!(EndpointId::parse(text), None, "{text}");
        }
    }
}
