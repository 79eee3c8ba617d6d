//! From a body to a request, with refusals that name the field.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::data::{self, Data, Readable};
use super::refusal::{Code, Refusal};
use super::wording::{self, Wrong};

/// The byte order mark that some editors and systems put before a text in UTF-8. A reader may pass over it (RFC 8259
/// section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The name of the field that is kept as it was written.
const DATA: &str = "data";

/// The largest body, by the needs of the call that takes it.
///
/// Small values take a hundred times as many bytes in memory as in the body. So a body is measured before it is read.
/// White space between its parts does not count: it takes no memory, and a client may indent a notification as deep as
/// it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// A notification: 256 KB. What fits a frame of 32 KB may be written with six bytes for each of its own (`\u0041` for `A`),
    /// which is 192 KB; the names of 25 channels, of up to 213 characters each, likewise take 32 KB. That leaves 32 KB for the
    /// other fields, and SNS passes on no more than 256 KB either.
    Notification,
    /// A frame of a client: 128 KB, since API Gateway takes no longer message of a WebSocket.
    Frame,
    /// An endpoint: 32 KB. A URL has at most 2,048 characters, which take twelve bytes each where they are written as two
    /// escapes. All else is short.
    Endpoint,
    /// A number, or nothing: 4 KB.
    Little,
}

impl Limit {
    fn bytes(self) -> usize {
        const KB: usize = 1024;
        match self {
            Self::Notification => 256 * KB,
            Self::Frame => 128 * KB,
            Self::Endpoint => 32 * KB,
            Self::Little => 4 * KB,
        }
    }

    fn code(self) -> Code {
        match self {
            Self::Notification | Self::Frame => Code::NotificationTooLarge,
            Self::Endpoint | Self::Little => Code::BodyTooLarge,
        }
    }

    /// Refuses a text that is larger. It is looked through and not read, so that it costs no memory.
    fn check(self, text: &[u8]) -> Result<(), Refusal> {
        let most = self.bytes();
        if text.len() <= most || data::without_white_space(text).nth(most).is_none() {
            return Ok(());
        }
        let detail = format!(
            "this call takes at most {most} bytes of JSON, not counting white space between its parts; send less"
        );
        Err(Refusal::new(self.code(), detail))
    }
}

/// A JSON object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// All of them, by name; `null` in the place of `data`.
    pub fields: Map<String, Value>,
    /// The field `data` as it was written, unless it is `null`.
    pub data: Option<Data>,
}

impl Object {
    /// All of it as one value, with what `data` says.
    #[must_use]
    pub fn into_value(self) -> Value {
        let Self { mut fields, data } = self;
        if let Some(data) = data {
            // As far as it is one: numbers may lose digits.
            fields.insert(DATA.to_owned(), serde_json::from_str(data.as_str()).unwrap_or_default());
        }
        Value::Object(fields)
    }
}

impl From<Map<String, Value>> for Object {
    fn from(fields: Map<String, Value>) -> Self {
        let data = fields.get(DATA).filter(|data| !data.is_null()).map(Data::from);
        Self { fields, data }
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut object = Object::default();
                while let Some(name) = map.next_key::<String>()? {
                    let value = if name == DATA {
                        let raw = map.next_value::<Box<RawValue>>()?;
                        object.data = serde_json::from_str::<Option<Data>>(raw.get()).unwrap_or_default();
                        // Nothing but its text is sent, and as a value it would take a hundred times as much memory.
                        Value::Null
                    } else {
                        map.next_value()?
                    };
                    object.fields.insert(name, value);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Reads a JSON object.
///
/// # Errors
/// `invalid_json` where it is none; `notification_too_large` or `body_too_large` where it is larger than `limit`.
pub fn object(text: &[u8], limit: Limit) -> Result<Object, Refusal> {
    let text = without_mark(text);
    limit.check(text)?;
    let refused = |error: serde_json::Error| Refusal::new(Code::InvalidJson, wording::no_object(&error));
    serde_json::from_slice::<Readable>(text).map_err(refused)?;
    serde_json::from_slice(text).map_err(refused)
}

/// A body or frame without its byte order mark.
#[must_use]
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Turns an object's fields into a request.
///
/// # Errors
/// `invalid_request`, with the path of the first field that is missing, unknown or wrong.
pub fn fields<T: DeserializeOwned>(object: impl Into<Object>) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(Value::Object(object.into().fields)).map_err(|error| {
        let path = error.path().to_string();
        let Wrong { field, reason } = wording::wrong(&error.into_inner().to_string());
        Refusal::field(field.map_or(path.clone(), |field| within(&path, &field)), reason)
    })
}

/// The path of a field that serde names; what it gives as the path may end with it or before it, or be none.
fn within(path: &str, field: &str) -> String {
    match path {
        "." | "?" => field.to_owned(),
        path if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        path => format!("{}.{field}", path.trim_end_matches(".?")),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[allow(dead_code, reason = "only its reading is tested")]
        inner: Vec<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outermost {
        #[allow(dead_code, reason = "only its reading is tested")]
        outer: Option<Outer>,
    }

    #[test]
    fn a_field_within_another_has_its_path() {
        for (outer, path) in [
            (json!({}), "outer.inner"),
            (json!({"inner": [], "extra": 1}), "outer.extra"),
            (json!({"inner": 7}), "outer.inner"),
            (json!(7), "outer"),
        ] {
            let fields = json!({"outer": outer}).as_object().unwrap().clone();
            assert_eq!(super::fields::<Outermost>(fields).unwrap_err().field.as_deref(), Some(path), "{outer}");
        }
    }

    fn refusal(value: &Value) -> Refusal {
        fields::<Outer>(value.as_object().unwrap().clone()).unwrap_err()
    }

    #[test]
    fn each_refusal_names_its_field() {
        assert_eq!(refusal(&json!({})).field.as_deref(), Some("inner"));
        assert_eq!(refusal(&json!({"inner": [], "extra": 1})).field.as_deref(), Some("extra"));
        assert_eq!(refusal(&json!({"inner": [1, "two"]})).field.as_deref(), Some("inner[1]"));
        assert_eq!(
            refusal(&json!({"inner": [], "extra": 1})).detail,
            "`extra`: is not a field of this request; there is `inner`"
        );
    }

    #[test]
    fn a_byte_order_mark_is_passed_over() {
        let marked = "\u{feff}{\"inner\": [1]}";
        assert_eq!(object(marked.as_bytes(), Limit::Notification).unwrap().fields["inner"], json!([1]));
        assert_eq!(
            object("\u{feff}\u{feff}{}".as_bytes(), Limit::Notification).unwrap_err().code,
            Code::InvalidJson,
            "one is a mark"
        );
    }

    #[test]
    fn data_is_kept_as_it_was_written() {
        let numbers = "[-24.506032561844222, 92838584930183242888, 1.0, 1e-7]";
        let odd = r#"{"z": 1, "a": {"$serde_json::private::RawValue": "[1, 2]"}, "é\u00e9": " \" {"}"#;
        for data in [numbers, odd, r#"{"$serde_json::private::RawValue": "hello"}"#, "\"text\"", "7"] {
            let read = object(format!("{{\"to\": \"a:b\", \"data\": {data} }}").as_bytes(), Limit::Notification)
                .unwrap()
                .data
                .unwrap();
            let [packed, expected] = [read.as_str(), data].map(|text| text.replace(", ", ",").replace(": ", ":"));
            assert_eq!(packed, expected);
        }
        for text in [r#"{"data": null}"#, r#"{"title": "x"}"#] {
            assert_eq!(object(text.as_bytes(), Limit::Notification).unwrap().data, None, "{text}");
        }
    }

    #[test]
    fn what_some_reader_could_not_read_is_invalid_json() {
        for data in ["1e400", r#""\ud83d""#, r#"{"\ud83d": 1}"#, &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            let text = format!("{{\"to\": \"a:b\", \"data\": {data}}}");
            assert_eq!(object(text.as_bytes(), Limit::Notification).unwrap_err().code, Code::InvalidJson, "{data}");
        }
    }

    /// A text of this many bytes and more white space than that.
    fn spaced(bytes: usize) -> String {
        let space = " \n".repeat(bytes);
        let filled = "x".repeat(bytes - r#"{"data":""}"#.len());
        format!("{{{space}\"data\"{space}:\"{filled}\"{space}}}")
    }

    #[test]
    fn a_body_is_measured_without_the_white_space_between_its_parts() {
        for (limit, most, code) in [
            (Limit::Notification, 262_144, Code::NotificationTooLarge),
            (Limit::Frame, 131_072, Code::NotificationTooLarge),
            (Limit::Endpoint, 32_768, Code::BodyTooLarge),
            (Limit::Little, 4_096, Code::BodyTooLarge),
        ] {
            assert!(object(spaced(most).as_bytes(), limit).is_ok(), "{limit:?}");
            assert_eq!(object(spaced(most + 1).as_bytes(), limit).unwrap_err().code, code, "{limit:?}");
        }
        let in_a_text = format!("{{\"data\":\"{}\"}}", " ".repeat(5_000));
        assert_eq!(object(in_a_text.as_bytes(), Limit::Little).unwrap_err().code, Code::BodyTooLarge);
    }

    #[test]
    fn the_largest_notification_may_be_written_in_escapes_only() {
        let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
        let channels: Vec<_> =
            (0..25).map(|n| escaped(&format!("{}:{}{n:02}", "n".repeat(32), "c".repeat(178)))).collect();
        let text = format!(
            r#"{{"{}": ["{}"], "{}": "{}", "{}": "{}"}}"#,
            escaped("to"),
            channels.join("\",\""),
            escaped("body"),
            escaped(&"b".repeat(32 * 1024)),
            escaped("collapse_key"),
            escaped(&"\u{1f600}".repeat(64)),
        );
        assert!(text.len() > 200_000);
        assert!(object(text.as_bytes(), Limit::Notification).is_ok());
    }

    #[test]
    fn what_is_no_object_is_invalid_json() {
        for text in ["", "[1]", "{", "null", "\"text\"", &"[".repeat(1000)] {
            assert_eq!(object(text.as_bytes(), Limit::Notification).unwrap_err().code, Code::InvalidJson, "{text}");
        }
    }
}
