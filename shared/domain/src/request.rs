//! From a body to a request, with refusals that name the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::{Code, Refusal};

/// Reads a JSON object.
///
/// # Errors
/// `invalid_json` where it is none.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Refusal::new(Code::InvalidJson, "send one JSON object")),
        Err(error) => Err(Refusal::new(Code::InvalidJson, format!("send one JSON object; {error}"))),
    }
}

/// Turns an object's fields into a request.
///
/// # Errors
/// `invalid_request`, with the path of the first field that is missing, unknown or wrong.
pub fn fields<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(Value::Object(fields)).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        match named_in(&reason) {
            Some((field, reason)) => Refusal::field(within(&path, &field), reason),
            None => Refusal::field(path, reason),
        }
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

/// Serde names a missing or unknown field in its message, not in its path.
fn named_in(reason: &str) -> Option<(String, String)> {
    for (start, says) in [("missing field `", "is required"), ("unknown field `", "is not a field of this request")] {
        if let Some((field, rest)) = reason.strip_prefix(start).and_then(|rest| rest.split_once('`')) {
            return Some((field.to_owned(), format!("{says}{rest}")));
        }
    }
    None
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
            "`extra`: is not a field of this request, expected `inner`"
        );
    }

    #[test]
    fn what_is_no_object_is_invalid_json() {
        for text in ["", "[1]", "{", "null", "\"text\"", &"[".repeat(1000)] {
            assert_eq!(object(text.as_bytes()).unwrap_err().code, Code::InvalidJson, "{text}");
        }
    }
}
