//! From a body to a request, with refusals that name the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::{Code, Refusal};
use super::wording::{self, Wrong};

/// What some editors and systems put before a text in UTF-8. A reader may pass over it (RFC 8259 section 8.1).
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Reads a JSON object.
///
/// # Errors
/// `invalid_json` where it is none.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(without_mark(text)) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::new(Code::InvalidJson, "send one JSON object")),
        Err(error) => Err(Refusal::new(Code::InvalidJson, wording::no_object(&error))),
    }
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
pub fn fields<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
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
        assert_eq!(object(marked.as_bytes()).unwrap()["inner"], json!([1]));
        assert_eq!(object("\u{feff}\u{feff}{}".as_bytes()).unwrap_err().code, Code::InvalidJson, "one is a mark");
    }

    #[test]
    fn what_is_no_object_is_invalid_json() {
        for text in ["", "[1]", "{", "null", "\"text\"", &"[".repeat(1000)] {
            assert_eq!(object(text.as_bytes()).unwrap_err().code, Code::InvalidJson, "{text}");
        }
    }
}
