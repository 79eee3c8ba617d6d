//! The id of a connection, and its key among a channel's subscribers.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// API Gateway's id of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnectionId(pub String);

impl ConnectionId {
    /// The sort key: two bytes of a hash first, so that connections spread evenly over the range of keys and a large
    /// audience can be cut into equal shares.
    #[must_use]
    pub fn sort_key(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        format!("{:02x}{:02x}{}", hash[0], hash[1], self.0)
    }

    /// The id in a sort key; other subscribers' begin with something else than hexadecimal digits.
    #[must_use]
    pub fn from_sort_key(key: &str) -> Option<Self> {
        let (hash, id) = key.split_at_checked(4)?;
        let is_hash = hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        (is_hash && !id.is_empty()).then(|| Self(id.to_owned()))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_from_its_sort_key() {
        let id = ConnectionId("L0SM9cOFvHcCIhw=".into());
        assert_eq!(ConnectionId::from_sort_key(&id.sort_key()), Some(id));
        for other in ["abc", "12ab", "~endpoint"] {
            assert_eq!(ConnectionId::from_sort_key(other), None, "{other}");
        }
    }
}
