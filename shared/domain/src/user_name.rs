//! Users' names in channel names: what a channel's name cannot hold is escaped, so that each user has one name of their own.
//!
//! A plain character stands for itself. Any other stands as one escape for each byte of its UTF-8: `!` and two hexadecimal
//! digits, so `f:1:alice` is `f!3A1!3Aalice`. `!` is no plain character: a user whose claim has only plain ones is named
//! by it as it is, and nobody else can have that name.

use std::fmt::Write as _;

const MARK: u8 = b'!';

/// The characters that stand for themselves. In namespaces other than people's own a channel's name has no others.
pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~@|+=-".contains(&byte)
}

/// The name of the user whose claim is `text`.
pub(crate) fn escape(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_plain(byte) {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "{}{byte:02X}", char::from(MARK));
        }
    }
    name
}

/// Whether a text is the name of some user. One that [`escape`] would write otherwise is not: it would be a second name.
pub(crate) fn is_user_name(name: &str) -> bool {
    unescape(name).is_some_and(|text| escape(&text) == name)
}

/// The claim of the user of this name; `None` where an escape is cut off, or the bytes are no UTF-8.
fn unescape(name: &str) -> Option<String> {
    let mut bytes = name.bytes();
    let mut text = Vec::with_capacity(name.len());
    while let Some(byte) = bytes.next() {
        text.push(if byte == MARK { digit(bytes.next()?)? << 4 | digit(bytes.next()?)? } else { byte });
    }
    String::from_utf8(text).ok()
}

fn digit(byte: u8) -> Option<u8> {
    u8::try_from(char::from(byte).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_channel_cannot_hold_is_escaped_byte_by_byte() {
        for (claim, name) in [
            ("alice@example.org", "alice@example.org"),
            ("auth0|5f7c", "auth0|5f7c"),
            ("us-east-1:6a9e", "us-east-1!3A6a9e"),
            ("system:serviceaccount:default:ci", "system!3Aserviceaccount!3Adefault!3Aci"),
            ("CN=Alice, O=Example", "CN=Alice!2C!20O=Example"),
            ("zoë", "zo!C3!AB"),
            ("100% me!", "100!25!20me!21"),
            ("\0", "!00"),
        ] {
            assert_eq!(escape(claim), name);
            assert_eq!(unescape(name).as_deref(), Some(claim));
            assert!(is_user_name(name), "{name}");
        }
    }

    #[test]
    fn a_user_has_one_name() {
        for second in ["f!3a1", "!41", "!7E", "a!", "a!3", "!GG", "!+1", "!C3", "!ED!A0!80", "a:b", "a b", "é"] {
            assert!(!is_user_name(second), "{second}");
        }
    }

    /// Claims that people have, and those that look like names.
    fn claims() -> impl Strategy<Value = String> {
        prop_oneof![".{0,40}", "[A-Za-z0-9._~@|+=-]{1,40}", "([a:!]|!3A|!21|!3a|%3A|~3A){1,10}", any::<String>()]
    }

    proptest! {
        #[test]
        fn a_name_leads_back_to_its_claim(claim in claims()) {
            let name = escape(&claim);
            prop_assert!(name.bytes().all(|byte| is_plain(byte) || byte == MARK));
            prop_assert!(is_user_name(&name));
            prop_assert_eq!(unescape(&name), Some(claim));
        }

        #[test]
        fn no_two_claims_have_one_name(one in claims(), other in claims()) {
            prop_assert_eq!(one == other, escape(&one) == escape(&other));
        }

        #[test]
        fn who_has_plain_characters_only_is_named_by_them(claim in "[A-Za-z0-9._~@|+=-]{1,180}") {
            prop_assert_eq!(escape(&claim), claim);
        }
    }
}
