//! The target of a mail: an address.

use std::fmt;

use domain::refusal::Refusal;
use serde::{Deserialize, Deserializer, Serialize};

use crate::settings::{InvalidSetting, Variables};

/// A mailbox, as its owner asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Email {
    /// Its address.
    pub address: Address,
}

/// The settings of e-mails.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The most e-mails on one day; 0 where the kind is off.
    pub daily_cap: u32,
}

impl Settings {
    pub(crate) fn read(variables: Variables) -> Result<Self, InvalidSetting> {
        Ok(Self { daily_cap: variables.number("EMAIL_DAILY_CAP")? })
    }
}

/// The longest address that mail servers pass on (RFC 5321, section 4.5.3.1.3, erratum 1690), in characters.
const LONGEST_ADDRESS: usize = 254;

/// The longest part before the `@` (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// The longest part of a host's name between two dots (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// An address, without a name beside it: `a@example.com`. It has no character that ends a line, parts a list of addresses
/// or quotes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Address(String);

/// A text is no address that SES takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "an address is written name@host, such as a@example.com, in ASCII without spaces, quotes and comments, and has at most \
     254 characters; a host's name in other letters is written in its `xn--` form"
)]
pub struct InvalidAddress;

impl Address {
    /// Reads an address.
    ///
    /// Narrower than RFC 5322 on purpose: SES takes ASCII only, and quoted names and comments are found in attacks more
    /// often than in address books.
    ///
    /// # Errors
    /// It is none, or one that SES does not take.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (local, host) = text.split_once('@').ok_or(InvalidAddress)?;
        let is_address = text.len() <= LONGEST_ADDRESS && is_local(local) && is_host(host);
        if is_address { Ok(Self(text.to_owned())) } else { Err(InvalidAddress) }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 5322's `dot-atom`. It has no `@`.
fn is_local(text: &str) -> bool {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.len() <= LONGEST_LOCAL && text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom))
}

/// At least two labels of letters, digits and hyphens; the last one is no number, as an IP address' would be.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit_once('.').map(|(_, last)| last);
    text.split('.').all(is_label) && last.is_some_and(|last| !last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Keeps the address out of logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address")
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl From<InvalidAddress> for Refusal {
    fn from(reason: InvalidAddress) -> Self {
        Self::field("address", reason)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_addresses_that_people_have_are_taken() {
        let longest =
            format!("{}@{}.example", "l".repeat(64), ["h".repeat(60), "h".repeat(60), "h".repeat(59)].join("."));
        for address in [
            "a@example.com",
            "first.last+tag@mail.example.org",
            "o'neil@example.ie",
            "x@xn--bcher-kva.example",
            &longest,
        ] {
            assert_eq!(Address::parse(address).as_ref().map(Address::as_str), Ok(address));
        }
    }

    #[test]
    fn what_is_no_address_or_more_than_one_is_refused() {
        let long_local = format!("{}@example.com", "l".repeat(65));
        let long_label = format!("a@{}.com", "h".repeat(64));
        let long = format!("a@{}com", format!("{}.", "h".repeat(60)).repeat(5));
        for address in [
            "",
            "@",
            "a",
            "a@",
            "@example.com",
            "a@b@example.com",
            "a@localhost",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "a b@example.com",
            " a@example.com",
            "a@example.com ",
            "a@example.com\r\nBcc: b@example.com",
            "a\0@example.com",
            "a@exam\tple.com",
            "a@example.com,b@example.com",
            "a@example.com;b@example.com",
            "A <a@example.com>",
            "<a@example.com>",
            "\"a\"@example.com",
            "a(comment)@example.com",
            ".a@example.com",
            "a.@example.com",
            "a..b@example.com",
            "a@.example.com",
            "a@example..com",
            "a@example.com.",
            "a@-example.com",
            "a@example-.com",
            "a@exa_mple.com",
            "ä@example.com",
            "a@bücher.example",
            "a\u{2028}@example.com",
            &long_local,
            &long_label,
            &long,
        ] {
            assert_eq!(Address::parse(address), Err(InvalidAddress), "{address:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_nothing_repeats_the_address() {
        assert_eq!(Refusal::from(InvalidAddress).field.as_deref(), Some("address"));
        assert_eq!(format!("{:?}", Address::parse("alice@example.org").unwrap()), "Address");
        let error = serde_json::from_value::<Address>(json!("alice@")).unwrap_err().to_string();
        assert!(!error.contains("alice"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic_and_what_it_takes_is_one_word(text in "[\\s\\S]{0,300}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic() && !b",;<>\"()\\:[]".contains(&byte)));
            }
        }
    }
}
