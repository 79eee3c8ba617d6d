//! From a body to a request, with refusals that name the field.

use std::fmt;

use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::data::{Data, Readable};
use super::refusal::{Code, Refusal};
use super::wording::{self, Wrong};

/// What some editors and systems put before a text in UTF-8. A reader may pass over it (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The name of the field that is kept as it was written.
const DATA: &str = "data";

/// A JSON object's fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// All of them, by name.
    pub fields: Map<String, Value>,
    /// The field `data` as it was written, unless it is `null`.
    pub data: Option<Data>,
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
                        // As far as it is one: it is looked at, and not sent.
                        serde_json::from_str(raw.get()).unwrap_or_default()
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
/// `invalid_json` where it is none.
pub fn object(text: &[u8]) -> Result<Object, Refusal> {
    let text = without_mark(text);
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
        assert_eq!(object(marked.as_bytes()).unwrap().fields["inner"], json!([1]));
        assert_eq!(object("\u{feff}\u{feff}{}".as_bytes()).unwrap_err().code, Code::InvalidJson, "one is a mark");
    }

    #[test]
    fn data_is_kept_as_it_was_written() {
        let numbers = "[-24.506032561844222, 92838584930183242888, 1.0, 1e-7]";
        let odd = r#"{"z": 1, "a": {"$serde_json::private::RawValue": "[1, 2]"}, "é\u00e9": " \" {"}"#;
        for data in [numbers, odd, r#"{"$serde_json::private::RawValue": "hello"}"#, "\"text\"", "7"] {
            let read = object(format!("{{\"to\": \"a:b\", \"data\": {data} }}").as_bytes()).unwrap().data.unwrap();
            let [packed, expected] = [read.as_str(), data].map(|text| text.replace(", ", ",").replace(": ", ":"));
            assert_eq!(packed, expected);
        }
        for text in [r#"{"data": null}"#, r#"{"title": "x"}"#] {
            assert_eq!(object(text.as_bytes()).unwrap().data, None, "{text}");
        }
    }

    #[test]
    fn what_some_reader_could_not_read_is_invalid_json() {
        for data in ["1e400", r#""\ud83d""#, r#"{"\ud83d": 1}"#, &format!("{}{}", "[".repeat(200), "]".repeat(200))] {
            let text = format!("{{\"to\": \"a:b\", \"data\": {data}}}");
            assert_eq!(object(text.as_bytes()).unwrap_err().code, Code::InvalidJson, "{data}");
        }
    }

    #[test]
    fn what_is_no_object_is_invalid_json() {
        for text in ["", "[1]", "{", "null", "\"text\"", &"[".repeat(1000)] {
            assert_eq!(object(text.as_bytes()).unwrap_err().code, Code::InvalidJson, "{text}");
        }
    }
}
