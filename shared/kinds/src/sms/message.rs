//! The text of a text message.

use super::parts;
use crate::outgoing_delivery::OutgoingDelivery;
use crate::shorten;
use crate::shown::ReadableText;

/// The longest text that SNS takes in one call, which it sends in several parts (AWS: Amazon SNS API Reference, `Publish`).
/// Counted in UTF-16 units, of which an emoji has two: carriers count so, too.
const LONGEST_TEXT: usize = 1600;

/// A text message, and in how many parts it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its text.
    pub text: String,
    /// The number of messages that carriers charge for.
    pub parts: u32,
}

/// The text message: title, body and address, each on lines of its own, in at most 1,600 UTF-16 units and `most` parts. The body is
/// cut first; an address is whole or not there, since half of one leads nowhere.
///
/// `None` for a notification that has nothing for a person to read.
#[must_use]
pub fn text(delivery: &OutgoingDelivery<'_>, most: u32) -> Option<Text> {
    if !delivery.is_readable() {
        return None;
    }
    let shown = ReadableText::of(delivery).map(shorten::printable).fit(|shown| fits(&lines(shown), most));
    let text = lines(&shown);
    Some(Text { parts: counted(&text), text })
}

fn counted(text: &str) -> u32 {
    u32::try_from(parts::count(text)).unwrap_or(u32::MAX)
}

fn lines(shown: &ReadableText) -> String {
    [&shown.title, &shown.body, &shown.url].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn fits(text: &str, most: u32) -> bool {
    text.encode_utf16().count() <= LONGEST_TEXT && counted(text) <= most
}

#[cfg(test)]
mod tests {
    use domain::content::Content;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::outgoing_delivery::tests::{content, data, delivery, inbox};

    fn text_of(content: &Content) -> Option<String> {
        text(&delivery(&inbox(), content), u32::MAX).map(|text| text.text)
    }

    #[test]
    fn title_body_and_url_stand_on_lines_of_their_own() {
        let all =
            Content { url: Some("https://a.example/1".into()), ..content(Some("Build"), Some("main\r\nis green")) };
        assert_eq!(text_of(&all).unwrap(), "Build\nmain\nis green\nhttps://a.example/1");
        assert_eq!(text_of(&content(None, Some("Hi"))).unwrap(), "Hi");
        assert_eq!(text_of(&content(Some("Hi"), None)).unwrap(), "Hi");
    }

    #[test]
    fn what_nobody_can_read_is_no_text_message() {
        assert_eq!(text_of(&data(json!({"a": 1}))), None);
        assert_eq!(text_of(&Content { url: Some("https://a.example".into()), ..data(json!(1)) }), None);
    }

    #[test]
    fn the_body_is_cut_and_the_url_kept() {
        let url = "https://a.example/1".to_owned();
        let long = Content { url: Some(url.clone()), ..content(Some("Title"), Some(&"🦀".repeat(2000))) };
        let text = text_of(&long).unwrap();
        assert!(text.starts_with("Title\n🦀") && text.ends_with(&format!("…\n{url}")), "{text}");
        assert!((1599..=1600).contains(&text.encode_utf16().count()));
        let all_long = Content { url: Some("u".repeat(2000)), ..content(Some(&"t".repeat(2000)), Some("b")) };
        assert!(text_of(&all_long).unwrap().ends_with('…'));
    }

    #[test]
    fn a_text_has_no_more_parts_than_its_owner_may_have_in_a_day() {
        let long = content(Some("Title"), Some(&"a".repeat(400)));
        let of = |most| text(&delivery(&inbox(), &long), most).unwrap();
        assert_eq!((of(3).parts, of(3).text.len()), (3, 406));
        // With the ellipsis it is no longer a text of GSM's alphabet.
        let cut = of(2);
        assert_eq!((cut.parts, cut.text.encode_utf16().count()), (2, 134));
        assert!(cut.text.starts_with("Title\naaa") && cut.text.ends_with("a…"), "{cut:?}");
        assert_eq!(of(1).parts, 1);
    }

    proptest! {
        #[test]
        fn every_text_fits_and_says_something(
            title in proptest::option::of(".{0,2000}"), body in proptest::option::of(".{0,2000}"),
            url in proptest::option::of("[a-z:/.]{0,1700}"),
        ) {
            let content = Content { url, ..content(title.as_deref(), body.as_deref()) };
            if let Some(text) = text_of(&content) {
                // A part of 67 units holds 33 characters of two.
                prop_assert!(fits(&text, 25));
                prop_assert!(text.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'));
                if let Some(url) = content.url.filter(|url| (1..=1500).contains(&url.len())) {
                    prop_assert!(text.ends_with(&url));
                }
            }
        }
    }
}
