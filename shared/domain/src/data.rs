//! The field `data` of a notification: JSON for the application, kept as the publisher wrote it.
//!
//! Read into values and written again, `data` would be another one: large numbers lose digits, fields their order. So it stays
//! text, from the request to its readers; only the white space between its parts is left out.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// Any JSON, as text.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Data(Box<RawValue>);

impl Data {
    /// The text, without white space between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The depth to which its lists and objects are nested: 0 for a number or a text, 1 for a list of numbers.
    #[must_use]
    pub fn depth(&self) -> usize {
        let (mut depth, mut deepest) = (0_usize, 0);
        for (byte, is_text) in bytes(self.as_str().as_bytes()) {
            match byte {
                b'[' | b'{' if !is_text => depth += 1,
                b']' | b'}' if !is_text => depth = depth.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(depth);
        }
        deepest
    }

    /// The same text for equal data, in whatever order its fields were written, and however its texts were escaped.
    #[must_use]
    pub fn canonical(&self) -> Self {
        Self::written(canonical(&self.0))
    }

    fn written(text: String) -> Self {
        // What is made of JSON is JSON.
        Self(RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<&Value> for Data {
    fn from(value: &Value) -> Self {
        Self::written(value.to_string())
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self::written(packed(raw.get())))
    }
}

/// Each byte of a JSON text, and whether it is part of a text within it.
fn bytes(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    let (mut is_text, mut is_escaped) = (false, false);
    text.iter().copied().map(move |byte| {
        let was_text = is_text;
        match byte {
            b'"' if !is_escaped => is_text = !is_text,
            _ => {}
        }
        is_escaped = is_text && byte == b'\\' && !is_escaped;
        (byte, was_text || is_text)
    })
}

/// The bytes of a JSON text, but for white space between its parts.
pub(crate) fn without_white_space(text: &[u8]) -> impl Iterator<Item = u8> {
    bytes(text).filter(|(byte, is_text)| *is_text || !byte.is_ascii_whitespace()).map(|(byte, _)| byte)
}

fn packed(text: &str) -> String {
    // White space is of one byte each, so what is left is UTF-8.
    String::from_utf8(without_white_space(text.as_bytes()).collect()).unwrap_or_default()
}

fn canonical(raw: &RawValue) -> String {
    let text = raw.get();
    let read = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(text).map(|fields| {
            let fields = fields.into_iter().map(|(name, value)| format!("{}:{}", Value::from(name), canonical(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
            .map(|values| format!("[{}]", values.into_iter().map(canonical).collect::<Vec<_>>().join(","))),
        Some(b'"') => serde_json::from_str::<Value>(text).map(|text| text.to_string()),
        _ => Ok(number(text)),
    };
    read.unwrap_or_else(|_| text.to_owned())
}

/// A number as `serde_json` writes it, unless that is another one: an integer with more digits than it keeps.
fn number(text: &str) -> String {
    let is_large = text.len() > 18 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match serde_json::from_str::<Value>(text) {
        Ok(value) if !is_large => value.to_string(),
        _ => text.to_owned(),
    }
}

/// Any JSON that every reader can read: whole characters, and numbers that a double can be.
#[derive(Debug)]
pub(crate) struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Readable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_unit<E>(self) -> Result<Readable, E> {
                Ok(Readable)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Readable, A::Error> {
                while list.next_element::<Readable>()?.is_some() {}
                Ok(Readable)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Readable, A::Error> {
                while fields.next_entry::<Readable, Readable>()?.is_some() {}
                Ok(Readable)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(text: &str) -> Data {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn white_space_goes_from_between_the_parts_and_from_nowhere_else() {
        let text = "{ \"a b\" : [ 1 ,\n\t2.0 ] , \"q\" : \" \\\" \\\\\" , \"r\":\" { \" }";
        assert_eq!(data(text).as_str(), r#"{"a b":[1,2.0],"q":" \" \\","r":" { "}"#);
    }

    #[test]
    fn brackets_in_texts_do_not_nest() {
        for (text, depth) in [("7", 0), (r#""[[[""#, 0), ("[]", 1), (r#"{"a]":[["\\"],"\"["]}"#, 3), ("[[],[[]]]", 3)] {
            assert_eq!(data(text).depth(), depth, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_double_is_the_text_that_came(number in any::<f64>().prop_filter("JSON has no others", |n| n.is_finite())) {
            let text = format!("{number:?}");
            prop_assert_eq!(data(&text).to_string(), text.clone());
            prop_assert_eq!(serde_json::from_str::<f64>(&text).unwrap(), number, "also where a number is read");
        }

        #[test]
        fn what_is_packed_says_the_same(text in "[a-z\\\\\" {}\\[\\],:\u{e9}]{0,40}", space in "[ \n\t]{0,3}") {
            let text = Value::from(text).to_string();
            let spaced = format!("{space}[{space}{text}{space},{space}{{{text}{space}:{space}1}}]{space}");
            prop_assert_eq!(data(&spaced).to_string(), format!("[{text},{{{text}:1}}]"));
        }
    }
}
