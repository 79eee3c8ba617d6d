//! Users as the logs name them, where a parameter asks for it: by a code. It tells one user from another, and only who knows the stack's
//! secret finds out whose it is.

use std::fmt::Write as _;

use aws_lc_rs::hmac::{Key, sign};
use domain::channel::Sub;

use super::derived;

const LABEL: &str = "tidings caller 1";

/// The bytes of a code, the first of an HMAC-SHA256: enough to tell users apart.
const CODE: usize = 8;

/// The key of users' codes, which follows from a version of the secret.
#[derive(Clone, Debug)]
pub(super) struct CallerKey(Key);

impl CallerKey {
    pub(super) fn of(secret: &str) -> Self {
        Self(derived::key(secret, LABEL))
    }

    /// A user's code, in hexadecimal.
    pub(super) fn code(&self, user: &Sub) -> String {
        let mut code = String::with_capacity(2 * CODE);
        for byte in &sign(&self.0, user.as_str().as_bytes()).as_ref()[..CODE] {
            // Writing to a string has no way to fail.
            let _ = write!(code, "{byte:02x}");
        }
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_one_code_under_a_secret_and_no_other_user_has_it() {
        let [key, other] = ["a secret of thirty-two characters", "another secret of 32 characters!"].map(CallerKey::of);
        let [alice, bob] = ["alice", "bob"].map(|sub| Sub::parse(sub).unwrap());
        // As docs/operations/security.md computes it, in Python.
        assert_eq!(key.code(&alice), "ed0ee92643fbcaad");
        assert_ne!(key.code(&alice), key.code(&bob));
        assert_ne!(key.code(&alice), other.code(&alice));
    }
}
