//! The payload for the service worker.

use domain::channel::Channel;
use domain::content::Content;
use domain::seq::Seq;
use domain::time::{Millis, rfc3339};
use serde::Serialize;

use super::encryption::MAX_TEXT;
use crate::outgoing_delivery::OutgoingDelivery;

/// A longer URL is left out of a message that has to be cut, in bytes of JSON: part of a URL leads nowhere, and a whole long
/// one leaves no room for words.
const MAX_URL: usize = 1_024;

/// The message in JSON: an item as everywhere, with its channel.
#[derive(Serialize)]
struct Text<'a> {
    channel: &'a Channel,
    seq: Seq,
    id: &'a str,
    #[serde(serialize_with = "rfc3339")]
    sent_at: Millis,
    #[serde(flatten)]
    content: &'a Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u64>,
    /// That something is missing or shortened. The log has all of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// The message in JSON, in at most as many bytes as can be encrypted. What does not fit is cut, and `"cut": true` says
/// so: `data` goes first, because half of it is worth nothing; then a long `url`; then `body` and `title` are shortened.
///
/// # Errors
/// JSON cannot say it, which no notification that was ever accepted comes to.
pub(super) fn to_json(delivery: &OutgoingDelivery<'_>) -> serde_json::Result<Vec<u8>> {
    let whole = text(delivery, delivery.content, false)?;
    if whole.len() <= MAX_TEXT {
        return Ok(whole);
    }
    let without_data = Content { data: None, ..delivery.content.clone() };
    let cut = text(delivery, &without_data, true)?;
    if cut.len() <= MAX_TEXT {
        return Ok(cut);
    }
    text(delivery, &shortened(delivery, without_data)?, true)
}

fn shortened(delivery: &OutgoingDelivery<'_>, mut content: Content) -> serde_json::Result<Content> {
    content.url = content.url.filter(|url| length(url) <= MAX_URL);
    let (title, body) = (content.title.take(), content.body.take());
    let names = r#""title":"","body":"","#.len();
    let room = MAX_TEXT.saturating_sub(text(delivery, &content, true)?.len() + names);

    // A title is a line. Only one that is longer than half of all has to make room for the body.
    let for_body = body.as_deref().map_or(0, length).min(room / 2);
    content.title = title.map(|title| shorten(title, room - for_body));
    let for_title = content.title.as_deref().map_or(0, length);
    content.body = body.map(|body| shorten(body, room.saturating_sub(for_title)));
    Ok(content)
}

fn text(delivery: &OutgoingDelivery<'_>, content: &Content, cut: bool) -> serde_json::Result<Vec<u8>> {
    let OutgoingDelivery { channel, seq, id, sent_at, unread, .. } = *delivery;
    serde_json::to_vec(&Text { channel, seq, id, sent_at, content, unread, cut })
}

/// The text if it takes at most `room` bytes in JSON, else as much of it as does, and an ellipsis.
fn shorten(text: String, room: usize) -> String {
    if length(&text) <= room {
        return text;
    }
    let ellipsis = '…';
    let mut left = room.saturating_sub(ellipsis.len_utf8());
    let fitting = text.chars().take_while(|c| match left.checked_sub(length_of(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    fitting.chain([ellipsis]).collect()
}

/// The number of bytes that a text takes in JSON, without its quotes.
fn length(text: &str) -> usize {
    text.chars().map(length_of).sum()
}

/// RFC 8259 section 7, as `serde_json` writes it.
fn length_of(c: char) -> usize {
    match c {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        _ => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::outgoing_delivery::tests::delivery;

    fn content(fields: Value) -> Content {
        serde_json::from_value(fields).unwrap()
    }

    fn sent(fields: &Value) -> (Value, usize) {
        let content = content(fields.clone());
        let channel = Channel::parse("user:alice").unwrap();
        let sent_at = Millis(1_795_290_300_123);
        let text = to_json(&OutgoingDelivery { id: "0195", sent_at, ..delivery(&channel, &content) }).unwrap();
        (serde_json::from_slice(&text).unwrap(), text.len())
    }

    fn text(value: &Value) -> &str {
        value.as_str().unwrap()
    }

    #[test]
    fn what_fits_is_sent_whole() {
        let fields = json!({"title": "t", "body": "b", "url": "https://a.b", "data": {"n": [1]}, "priority": "high", "collapse_key": "k"});
        let mut expected = json!({
            "channel": "user:alice", "seq": 42, "id": "0195", "sent_at": "2026-11-21T19:45:00.123Z", "unread": 3,
        });
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(sent(&fields).0, expected);
    }

    #[test]
    fn data_goes_first() {
        let (sent, _) = sent(&json!({"title": "t", "body": "b".repeat(3_000), "data": "d".repeat(1_000)}));
        assert_eq!(sent["cut"], true);
        assert_eq!(sent.get("data"), None);
        assert_eq!(text(&sent["body"]).len(), 3_000);
    }

    #[test]
    fn a_long_body_is_shortened_to_what_fits() {
        let (sent, length) = sent(&json!({"title": "t".repeat(100), "body": "b".repeat(30_000), "url": "https://a.b"}));
        assert_eq!(length, MAX_TEXT);
        assert!(text(&sent["body"]).ends_with("b…"));
        assert_eq!((text(&sent["title"]).len(), text(&sent["url"]), &sent["cut"]), (100, "https://a.b", &json!(true)));
    }

    #[test]
    fn a_long_title_leaves_the_body_its_half_and_no_more() {
        let title = "t".repeat(10_000);
        let (both, length) = sent(&json!({"title": title, "body": "b".repeat(10_000)}));
        let lengths = [&both["title"], &both["body"]].map(|words| text(words).len());
        assert!(length == MAX_TEXT && lengths[0].abs_diff(lengths[1]) <= 1, "{length} {lengths:?}");
        let (short, _) = sent(&json!({"title": title, "body": "short"}));
        assert!(text(&short["title"]).len() > 3_500);
        assert_eq!(short["body"], "short");
    }

    #[test]
    fn a_url_is_whole_or_left_out() {
        let url = |length: usize| format!("https://a.b/{}", "u".repeat(length - 12));
        let (kept, _) = sent(&json!({"body": "b".repeat(4_000), "url": url(MAX_URL)}));
        assert_eq!(text(&kept["url"]).len(), MAX_URL);
        let (left_out, _) = sent(&json!({"body": "short", "url": url(4_000)}));
        assert_eq!((left_out.get("url"), &left_out["body"]), (None, &json!("short")));
    }

    #[test]
    fn words_are_cut_between_characters() {
        for (character, bytes) in [("é", 2), ("😀", 4), ("\"", 2), ("\n", 2), ("\u{1}", 6)] {
            let (sent, length) = sent(&json!({"body": character.repeat(4_000)}));
            let body = text(&sent["body"]);
            assert_eq!(body.trim_end_matches('…').replace(character, ""), "");
            assert!((MAX_TEXT - 30..=MAX_TEXT).contains(&length), "{length} with {bytes}");
        }
    }

    proptest! {
        // Making texts takes longer than cutting them.
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_accepted_fits(
            channel in "user:[a-z]{1,180}",
            title in prop::option::of(".{0,3000}"),
            body in prop::option::of("[\\x00-\\x20\"\\\\a-zé😀]{0,5000}"),
            url in prop::option::of(".{0,3000}"),
            data in prop::option::of(".{0,5000}"),
            collapse_key in prop::option::of("[\\x00-\\x08😀]{1,64}"),
            seq in 1u64..1 << 53,
        ) {
            let fields = json!({"title": title, "body": body, "url": url, "data": data, "priority": "normal", "collapse_key": collapse_key});
            let (channel, content) = (Channel::parse(&channel).unwrap(), content(fields));
            let id = "01957f6e-0000-7000-8000-000000000000";
            let delivery = OutgoingDelivery { seq: Seq(seq), id, unread: Some(seq), ..delivery(&channel, &content) };
            let text = to_json(&delivery).unwrap();
            prop_assert!(text.len() <= MAX_TEXT, "{}", text.len());
            let read: Content = serde_json::from_slice(&text).unwrap();
            let cut = serde_json::from_slice::<Value>(&text).unwrap().get("cut").is_some();
            prop_assert_eq!(cut, read != content);
            prop_assert_eq!(read.title.is_some(), content.title.is_some());
            prop_assert_eq!(read.body.is_some(), content.body.is_some());
        }
    }
}
