//! A message's text as JSON, also where it is almost JSON.

use serde_json::{Map, Value};

use crate::channel::Channel;
use crate::refusal::{Code, Refusal};
use crate::request::{self, Limit, Object};

/// Stands for what no text can hold (U+FFFD), in an escape.
const REPLACEMENT: &str = "\\ufffd";

/// The fields of a text that is a JSON object. `None` where it is any other text.
///
/// A half of a surrogate pair, as JavaScript escapes it where it has cut a text, counts as U+FFFD.
///
/// # Errors
/// `invalid_json`: the text names a channel in a field `to`, but not as one JSON object does. `notification_too_large`: it is
/// larger than any message of SNS.
pub(super) fn object(text: &str) -> Result<Option<Object>, Refusal> {
    let read = |text: &str| request::object(text.as_bytes(), Limit::Notification);
    match read(text).or_else(|_| read(&whole_pairs(text))) {
        Ok(object) => return Ok(Some(object)),
        Err(refusal) if refusal.code == Code::NotificationTooLarge => return Err(refusal),
        Err(_) => {}
    }
    match serde_json::from_str::<Value>(text) {
        Ok(other) if names_channel(&other) => Err(Refusal::new(Code::InvalidJson, "send one JSON object")),
        Err(error) if text.trim_start().starts_with('{') && has_to(text) => {
            Err(Refusal::new(Code::InvalidJson, format!("send one JSON object; {error}")))
        }
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Whether a field `to` names a channel, or several.
pub(super) fn is_addressed(fields: &Map<String, Value>) -> bool {
    let is_channel = |name: &Value| name.as_str().is_some_and(|name| Channel::parse(name).is_ok());
    match fields.get("to") {
        Some(Value::Array(names)) => names.iter().any(is_channel),
        Some(name) => is_channel(name),
        None => false,
    }
}

/// Whether there is an addressed object in a list, or in JSON within JSON.
fn names_channel(value: &Value) -> bool {
    match value {
        Value::Object(fields) => is_addressed(fields),
        Value::Array(values) => values.iter().any(names_channel),
        Value::String(text) => serde_json::from_str::<Map<_, _>>(text).is_ok_and(|fields| is_addressed(&fields)),
        _ => false,
    }
}

/// Whether a text that is no JSON has something like a field `to`: also as Python or JavaScript show an object.
fn has_to(text: &str) -> bool {
    ["\"to\"", "'to'", "{to", ",to", " to", "\nto"]
        .iter()
        .any(|name| text.split(name).skip(1).any(|rest| rest.trim_start().starts_with(':')))
}

/// The same text with each escape of half a surrogate pair replaced.
fn whole_pairs(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\\') {
        whole.push_str(&rest[..start]);
        rest = &rest[start..];
        let length = match (unit(rest), unit(rest.get(6..).unwrap_or_default())) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                whole.push_str(REPLACEMENT);
                rest = &rest[6..];
                continue;
            }
            // A backslash and what it escapes.
            _ => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
        };
        whole.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    whole + rest
}

/// The unit of UTF-16 whose escape a text begins with.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    // The number's own parser would take a sign too.
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn title(escaped: &str) -> Value {
        object(&format!(r#"{{"title": "{escaped}"}}"#)).unwrap().unwrap().fields["title"].clone()
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced_and_a_whole_one_stays() {
        assert_eq!(title(r"Hi \ud83d"), "Hi \u{fffd}");
        assert_eq!(title(r"\ude00\uD83D\ude00\ud83dé"), "\u{fffd}😀\u{fffd}é");
        assert_eq!(title(r"\ud83d\ud83d\ude00"), "\u{fffd}😀");
        // An escaped backslash begins no escape.
        assert_eq!(title(r"\\ud83d \ud83d"), r"\ud83d �");
        assert_eq!(object(r#"{"title": "\ud83d"#), Ok(None));
        assert_eq!(object("{\"title\": \"\\ud83d\\"), Ok(None));
    }

    #[test]
    fn what_names_a_channel_and_is_not_one_object_is_refused() {
        for text in [
            r#"{"to": "user:alice", "title": "Hi",}"#,
            r#" {"title": "two
lines", "to" : ["user:alice"]}"#,
            r#"{"to": "user:alice", "data": 1e999}"#,
            "{'to': 'user:alice', 'title': 'Hi'}",
            "{to: 'user:alice', title: 'Hi'}",
            "{title: 'Hi', to: ['user:alice']}",
            r#"[{"to": "user:alice", "title": "Hi"}]"#,
            r#""{\"to\": \"user:alice\"}""#,
        ] {
            assert_eq!(object(text).unwrap_err().code, Code::InvalidJson, "{text}");
        }
    }

    #[test]
    fn any_other_text_is_none() {
        for text in ["{", "{curly} \"to\" be", "say \"to\": x", "[1]", "4", "", r#"[{"to": "a@example.com"}]"#] {
            assert_eq!(object(text), Ok(None), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_json_is_read_as_it_is(text in any::<String>(), ascii in any::<bool>()) {
            let mut written = json!({ "title": text }).to_string();
            if ascii {
                let escaped = |unit: u16| format!("\\u{unit:04x}");
                let units = text.encode_utf16().map(escaped).collect::<String>();
                written = format!(r#"{{"title": "{units}"}}"#);
            }
            prop_assert_eq!(whole_pairs(&written), written.clone());
            prop_assert_eq!(object(&written).unwrap().unwrap().fields["title"].clone(), text);
        }

        #[test]
        fn no_text_is_too_broken(text in "[\\\\u{}\"dD8cCfé:to0-9]{0,40}") {
            whole_pairs(&text);
            let _ = object(&text);
        }
    }
}
