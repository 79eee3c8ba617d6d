//! Shortens notifications that are too long, since SNS takes 256 KB and a frame 32.

use serde_json::{Value, json};

use crate::data::Data;
use crate::item::Item;
use crate::send::SendRequest;
use crate::time::Millis;

/// As long as an id is, and of what is escaped in no JSON.
const ID: &str = "01aaa4ff-3c5b-7d21-8f9e-2b6c1d0e9f8a";

/// Stands at the end of a text that is cut.
const CUT: &str = "…";

/// Shortens a notification until it fits a frame of each of its channels: without its `data`, where others do not need it
/// (`data` is then `{"cut": true}`), then with less of its `body`, then of its `title`. What does not fit even so stays as
/// it is.
pub(super) fn shorten(send: SendRequest, needs_data: bool) -> SendRequest {
    if fits(&send) {
        return send;
    }
    let mut short = send.clone();
    if !needs_data && short.content.data.is_some() {
        short.content.data = Some(Data::from(&no_data()));
    }
    let body = |send: &mut SendRequest, text| send.content.body = Some(text);
    let title = |send: &mut SendRequest, text| send.content.title = Some(text);
    if let Some(text) = short.content.body.clone().filter(|text| !text.is_empty()) {
        short = shorten_to_fit(short, &text, body);
    }
    if let Some(text) = short.content.title.clone().filter(|text| !text.is_empty()) {
        short = shorten_to_fit(short, &text, title);
    }
    if fits(&short) { short } else { send }
}

/// Stands for data that is left out.
pub(super) fn no_data() -> Value {
    json!({ "cut": true })
}

/// As much of a text as fits: all of it, or its beginning and a sign that there is more.
fn shorten_to_fit(mut send: SendRequest, text: &str, put: impl Fn(&mut SendRequest, String)) -> SendRequest {
    if fits(&send) {
        return send;
    }
    let ends: Vec<_> = text.char_indices().map(|(end, _)| end).collect();
    let mut fits_until = |end: usize| {
        put(&mut send, format!("{}{CUT}", &text[..end]));
        fits(&send)
    };
    let longest = ends.partition_point(|end| fits_until(*end)).saturating_sub(1);
    fits_until(ends.get(longest).copied().unwrap_or_default());
    send
}

fn fits(send: &SendRequest) -> bool {
    let item = Item::new(ID.to_owned(), Millis(0), &send.content);
    send.to.iter().all(|channel| item.check_fits(channel).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn send(fields: &Value) -> SendRequest {
        SendRequest::parse(fields.as_object().unwrap().clone()).unwrap()
    }

    #[test]
    fn what_fits_is_as_it_was() {
        let notification = send(&json!({"to": "topic:a", "title": "Hi", "body": "x".repeat(32_000), "data": 1}));
        assert_eq!(shorten(notification.clone(), false), notification);
    }

    #[test]
    fn data_goes_first_where_it_is_not_needed() {
        let fields = json!({"to": "topic:a", "title": "Hi", "body": "x".repeat(20_000), "data": "y".repeat(20_000)});
        let short = shorten(send(&fields), false).content;
        assert_eq!((short.data, short.body.unwrap().len()), (Some(Data::from(&json!({"cut": true}))), 20_000));
        let short = shorten(send(&fields), true).content;
        assert_eq!(short.data, Some(Data::from(&fields["data"])));
        assert!((12_000..20_000).contains(&short.body.unwrap().len()));
    }

    #[test]
    fn a_title_is_cut_too() {
        let short = shorten(send(&json!({"to": "topic:a", "title": "é".repeat(40_000), "body": "b"})), true).content;
        assert!(short.title.unwrap().ends_with("é…"));
    }

    #[test]
    fn what_does_not_fit_even_so_is_as_it_was() {
        let large = send(&json!({"to": "topic:a", "body": "b", "data": "y".repeat(40_000)}));
        assert_eq!(shorten(large.clone(), true), large);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn as_much_of_a_text_is_kept_as_fits(part in "[a\"\\\\\n\u{1}é😀]{1,9}", times in 3_000..6_000_usize) {
            let text = part.repeat(times);
            let notification = send(&json!({"to": ["topic:a", "topic:longer"], "body": text}));
            let short = shorten(notification.clone(), true);
            if fits(&notification) {
                prop_assert_eq!(short, notification);
                return Ok(());
            }
            prop_assert!(fits(&short));
            let body = short.content.body.clone().unwrap();
            let kept = body.strip_suffix(CUT).unwrap();
            prop_assert!(text.starts_with(kept));
            let next = text[kept.len()..].chars().next().unwrap();
            let mut longer = short;
            longer.content.body = Some(format!("{kept}{next}{CUT}"));
            prop_assert!(!fits(&longer));
        }
    }
}
