//! The form of a ticket, and the check that it is the stack's own: for an invented one, no table is asked.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{Key, sign};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::derived;

const LABEL: &str = "tidings ticket 1";

/// The random bytes of a ticket; nobody guesses one in its lifetime.
const RANDOM: usize = 32;

/// The bytes of the code behind them, the first half of an HMAC-SHA256. Who guesses it has no ticket yet, only a look at the
/// table.
const CODE: usize = 16;

/// A ticket's bytes.
pub(super) type Bytes = [u8; RANDOM + CODE];

/// The key that tickets are made with, which follows from a version of the secret.
#[derive(Clone, Debug)]
pub(super) struct TicketKey(Key);

impl TicketKey {
    pub(super) fn of(secret: &str) -> Self {
        Self(derived::key(secret, LABEL))
    }

    /// A new ticket.
    pub(super) fn ticket(&self) -> String {
        let random: [u8; RANDOM] = rand::random();
        let code = sign(&self.0, &random);
        BASE64_URL_SAFE_NO_PAD.encode([&random[..], &code.as_ref()[..CODE]].concat())
    }

    /// Whether a ticket was made with this key. It takes as long for each.
    pub(super) fn has_made(&self, ticket: &Bytes) -> bool {
        let (random, code) = ticket.split_at(RANDOM);
        verify_slices_are_equal(&sign(&self.0, random).as_ref()[..CODE], code).is_ok()
    }
}

/// A ticket's bytes; `None` for what cannot be one.
pub(super) fn read(ticket: &str) -> Option<Bytes> {
    BASE64_URL_SAFE_NO_PAD.decode(ticket).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of thirty-two characters";

    #[test]
    fn a_ticket_is_known_by_the_key_that_made_it_and_no_other() {
        let ticket = TicketKey::of(SECRET).ticket();
        assert!(ticket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{ticket}");
        let bytes = read(&ticket).unwrap();
        assert!(TicketKey::of(SECRET).has_made(&bytes));
        assert!(!TicketKey::of("another secret of 32 characters!").has_made(&bytes));
        assert_ne!(TicketKey::of(SECRET).ticket(), ticket);
    }

    #[test]
    fn a_ticket_with_any_bit_changed_is_none() {
        let key = TicketKey::of(SECRET);
        let bytes = read(&key.ticket()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.has_made(&changed), "{bit}");
        }
    }

    #[test]
    fn what_is_not_as_long_or_no_base64url_cannot_be_one() {
        let ticket = TicketKey::of(SECRET).ticket();
        for other in
            [&ticket[1..], &format!("{ticket}A"), &format!("{ticket}=="), "x", "", &"é".repeat(32), &"+".repeat(64)]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
