//! The kind `email`: a mail through SES.

use std::fmt;

use domain::refusal::Refusal;
use serde::{Deserialize, Deserializer, Serialize};

use super::cut;
use super::parcel::Parcel;

/// The longest address that mail servers pass on (RFC 5321, section 4.5.3.1.3, erratum 1690), in characters.
const LONGEST_ADDRESS: usize = 254;

/// The longest part before the `@` (RFC 5321, section 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// The longest part of a host's name between two dots (RFC 1035, section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// A longer subject is cut, in characters.
const LONGEST_SUBJECT: usize = 200;

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

/// RFC 5322's `dot-atom`. An `@` is none of its characters.
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

/// A mail, but for who sends and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line of at most 200 characters.
    pub subject: String,
    /// Plain text; never empty.
    pub text: String,
    /// Names and values of further headers. All are printable ASCII.
    pub headers: [(&'static str, String); 2],
}

impl Mail {
    /// The mail that tells of a notification; `None` where it has nothing for a person to read.
    ///
    /// `data` is for applications, and not in it.
    #[must_use]
    pub fn of(parcel: &Parcel<'_>) -> Option<Self> {
        if !parcel.is_readable() {
            return None;
        }
        let [title, body, url] = [parcel.title(), parcel.body(), parcel.url()].map(|text| text.map(cut::printable));
        let subject = match (&title, &body) {
            (Some(title), _) => lines(title).collect::<Vec<_>>().join(" "),
            (None, body) => lines(body.as_deref()?).next()?.to_owned(),
        };
        let subject = cut::to_fit(&subject, |subject| subject.chars().count() <= LONGEST_SUBJECT);
        let text = [body.or(title), url].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        Some(Self { subject, text, headers: headers(parcel) })
    }
}

/// The lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_line_break).map(str::trim).filter(|line| !line.is_empty())
}

/// What some reader or other begins a new line at; what else Unicode has is not in a printable text. A tab is no line
/// break, but nothing that a subject can show.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\u{2028}' | '\u{2029}')
}

/// That no person wrote it, so that nothing answers it by itself (RFC 3834); and the notification's cursor, by which doubles
/// are found: SES gives every mail a `Message-ID` of its own.
///
/// Neither a channel's name nor a seq has a character that could end a header.
fn headers(parcel: &Parcel<'_>) -> [(&'static str, String); 2] {
    let cursor = format!("{}:{}", parcel.channel, parcel.seq);
    [("Auto-Submitted", "auto-generated".to_owned()), ("X-Tidings-Cursor", cursor)]
}

#[cfg(test)]
mod tests {
    use domain::channel::Channel;
    use domain::content::Content;
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::parcel::tests::{content, data, inbox, parcel};
    use super::*;

    fn mail_of(content: &Content) -> Option<Mail> {
        Mail::of(&parcel(&inbox(), content))
    }

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

    #[test]
    fn a_mail_has_title_body_and_url_and_no_data() {
        let all = Content {
            url: Some("https://a.example/1".into()),
            data: Some((&json!({"secret": 1})).into()),
            ..content(Some("Build finished"), Some("main is green\nand all is well"))
        };
        let mail = mail_of(&all).unwrap();
        assert_eq!(mail.subject, "Build finished");
        assert_eq!(mail.text, "main is green\nand all is well\n\nhttps://a.example/1");
        assert_eq!(mail.headers[0], ("Auto-Submitted", "auto-generated".to_owned()));
        assert_eq!(mail.headers[1], ("X-Tidings-Cursor", "user:alice:42".to_owned()));
    }

    #[test]
    fn what_is_missing_is_taken_from_the_rest() {
        let only_body = mail_of(&content(None, Some("\nfirst\nsecond"))).unwrap();
        assert_eq!((only_body.subject.as_str(), only_body.text.as_str()), ("first", "\nfirst\nsecond"));
        let only_title = mail_of(&content(Some("Hi"), None)).unwrap();
        assert_eq!((only_title.subject.as_str(), only_title.text.as_str()), ("Hi", "Hi"));
        assert_eq!(mail_of(&data(json!({"a": 1}))), None);
    }

    #[test]
    fn no_title_adds_a_header() {
        let mail = mail_of(&content(Some("Hi\r\nBcc: b@example.com\n\n<html>"), Some("x"))).unwrap();
        assert_eq!(mail.subject, "Hi Bcc: b@example.com <html>");
        let mail = mail_of(&content(Some("Hi\u{2028}Bcc: b@example.com"), Some("x"))).unwrap();
        assert_eq!(mail.subject, "Hi Bcc: b@example.com");
    }

    proptest! {
        #[test]
        fn a_subject_is_one_line_that_says_something(title in "[\\s\\S]{0,300}", body in "[\\s\\S]{0,300}") {
            let content = content(Some(&title), Some(&body));
            if let Some(mail) = mail_of(&content) {
                prop_assert!((1..=200).contains(&mail.subject.chars().count()), "{:?}", mail.subject);
                prop_assert!(!mail.subject.contains(|c: char| c.is_control() || is_line_break(c)));
                prop_assert!(!mail.text.trim().is_empty());
            }
        }

        #[test]
        fn headers_are_printable_ascii_whatever_the_channel(
            name in "[a-z][a-z0-9_-]{0,31}:[A-Za-z0-9._~@|+=-]{1,180}",
        ) {
            let (channel, content) = (Channel::parse(&name).unwrap(), content(Some("Hi"), None));
            for (name, value) in Mail::of(&parcel(&channel, &content)).unwrap().headers {
                prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert!(name.len() + value.len() <= 870);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic_and_what_it_takes_is_one_word(text in "[\\s\\S]{0,300}") {
            if let Ok(address) = Address::parse(&text) {
                prop_assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic() && !b",;<>\"()\\:[]".contains(&byte)));
            }
        }
    }
}
