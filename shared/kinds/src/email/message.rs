//! The mail.

use crate::message::Mail;
use crate::outgoing_delivery::OutgoingDelivery;
use crate::shorten;

/// A longer subject is cut, in characters.
const LONGEST_SUBJECT: usize = 200;

impl Mail {
    /// The mail that tells of a notification; `None` where it has nothing for a person to read.
    ///
    /// `data` is for applications, and not in it.
    #[must_use]
    pub fn of(delivery: &OutgoingDelivery<'_>) -> Option<Self> {
        if !delivery.is_readable() {
            return None;
        }
        let [title, body, url] =
            [delivery.title(), delivery.body(), delivery.url()].map(|text| text.map(shorten::printable));
        let subject = match (&title, &body) {
            (Some(title), _) => lines(title).collect::<Vec<_>>().join(" "),
            (None, body) => lines(body.as_deref()?).next()?.to_owned(),
        };
        let subject = shorten::to_fit(&subject, |subject| subject.chars().count() <= LONGEST_SUBJECT);
        let text = [body.or(title), url].into_iter().flatten().collect::<Vec<_>>().join("\n\n");
        Some(Self { subject, text, headers: headers(delivery) })
    }
}

/// The lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_line_break).map(str::trim).filter(|line| !line.is_empty())
}

/// The characters at which some mail reader begins a new line; Unicode's others are not in a printable text. A tab is no line
/// break, but nothing that a subject can show.
fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\t' | '\u{2028}' | '\u{2029}')
}

/// That no person wrote it, so that nothing answers it by itself (RFC 3834); and the notification's cursor, by which doubles
/// are found: SES gives every mail a `Message-ID` of its own.
///
/// Neither a channel's name nor a seq has a character that could end a header.
fn headers(delivery: &OutgoingDelivery<'_>) -> [(&'static str, String); 2] {
    let cursor = format!("{}:{}", delivery.channel, delivery.seq);
    [("Auto-Submitted", "auto-generated".to_owned()), ("X-Tidings-Cursor", cursor)]
}

#[cfg(test)]
mod tests {
    use domain::channel::Channel;
    use domain::content::Content;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::outgoing_delivery::tests::{content, data, delivery, inbox};

    fn mail_of(content: &Content) -> Option<Mail> {
        Mail::of(&delivery(&inbox(), content))
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
            for (name, value) in Mail::of(&delivery(&channel, &content)).unwrap().headers {
                prop_assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
                prop_assert!(name.len() + value.len() <= 870);
            }
        }
    }
}
