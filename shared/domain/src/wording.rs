//! Faults of a request in the API's words. A parser's own words name types of its language, and repeat the input, which
//! may be a secret.

use serde_json::error::Category;

/// The fault of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The field's name, where it is not the one that was being read: it is missing, or unknown.
    pub field: Option<String>,
    /// The fault and its remedy.
    pub reason: String,
}

/// Says what serde says of a field. What this code's own types say passes as it is: they repeat no secret.
#[must_use]
pub fn wrong(says: &str) -> Wrong {
    let says = without_position(says);
    if let Some(name) = between(says, "missing field `", "`") {
        return Wrong { field: Some(name.to_owned()), reason: "is required".to_owned() };
    }
    if let Some((name, known)) = says.strip_prefix("unknown field `").and_then(unknown) {
        let reason = format!("is not a field of this request; {}", listed(known));
        return Wrong { field: Some(name.to_owned()), reason };
    }
    let reason = if is_serdes(says) { format!("give {}", expected(says)) } else { says.to_owned() };
    Wrong { field: None, reason }
}

/// Says why a text is no JSON object.
#[must_use]
pub fn no_object(error: &serde_json::Error) -> String {
    let says = error.to_string();
    let what = match error.classify() {
        Category::Data | Category::Io => return "send one JSON object".to_owned(),
        Category::Eof => "the text ends before the object does",
        Category::Syntax if says.starts_with("number out of range") => "a number is out of range",
        Category::Syntax if says.starts_with("recursion limit") => "it nests too deep",
        Category::Syntax if says.starts_with("trailing characters") => "there is more text after the object",
        Category::Syntax if says.starts_with("control character") => {
            "a text has a control character, which JSON escapes"
        }
        Category::Syntax if says.contains("surrogate") || says.contains("hex escape") => {
            "a `\\u` in a text is not followed by a whole character"
        }
        Category::Syntax => "the text is not JSON",
    };
    format!("send one JSON object; {what} (line {}, column {})", error.line(), error.column())
}

/// The text without the position that `serde_json` appends.
fn without_position(says: &str) -> &str {
    match says.rsplit_once(" at line ") {
        Some((says, at)) if at.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) => says,
        _ => says,
    }
}

fn between<'a>(text: &'a str, before: &str, behind: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

/// The name, and what is said of the names that there are. A name may have any characters in it.
fn unknown(rest: &str) -> Option<(&str, &str)> {
    rest.rsplit_once("`, expected ").or_else(|| rest.strip_suffix("`, there are no fields").map(|name| (name, "")))
}

fn listed(known: &str) -> String {
    let names: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    match names[..] {
        [] => "it has none".to_owned(),
        [name] => format!("there is `{name}`"),
        _ => format!("there are `{}`", names.join("`, `")),
    }
}

/// Whether it begins as serde's own errors do (`serde::de::Error`).
fn is_serdes(says: &str) -> bool {
    let begins = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant `", "duplicate field `"];
    begins.iter().any(|begin| says.starts_with(begin)) || says.starts_with("data did not match any variant")
}

/// The value that serde expected, under the API's name for it.
fn expected(says: &str) -> &'static str {
    let expected = says.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let is = |names: &[&str]| names.contains(&expected);
    if is(&["u8", "u16", "u32", "u64", "usize"]) {
        "a whole number, 0 or more"
    } else if is(&["i8", "i16", "i32", "i64", "isize"]) {
        "a whole number"
    } else if is(&["f32", "f64"]) {
        "a number"
    } else if is(&["a boolean"]) {
        "`true` or `false`"
    } else if is(&["a string", "a character"]) {
        "a text"
    } else if is(&["a sequence"]) || expected.starts_with("a tuple") || expected.starts_with("tuple ") {
        "a list"
    } else if is(&["a map"]) || expected.starts_with("struct ") {
        "an object"
    } else {
        own(expected).unwrap_or("a value as the documentation describes this field")
    }
}

/// The expectations of the API's own readers.
const OWN: [&str; 2] = [crate::channel::ONE_OR_MORE, crate::seq::A_SEQ];

fn own(expected: &str) -> Option<&'static str> {
    OWN.into_iter().find(|own| *own == expected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Fields {
        text: Option<String>,
        whole: Option<u32>,
        signed: Option<i64>,
        number: Option<f64>,
        flag: Option<bool>,
        list: Option<Vec<u8>>,
        pair: Option<(u8, u8)>,
        object: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {}

    const NAMES: [&str; 8] = ["text", "whole", "signed", "number", "flag", "list", "pair", "object"];

    fn said(text: &str) -> Option<Wrong> {
        let value = serde_json::from_str::<Value>(text).unwrap();
        let by_value = serde_json::from_value::<Fields>(value).err().map(|error| wrong(&error.to_string()));
        let by_text = serde_json::from_str::<Fields>(text).err().map(|error| wrong(&error.to_string()));
        assert_eq!(by_value.is_some(), by_text.is_some(), "{text}");
        by_value
    }

    #[test]
    fn what_was_expected_is_said_in_plain_words() {
        for (text, reason) in [
            (json!({"text": 7}), "give a text"),
            (json!({"whole": -1}), "give a whole number, 0 or more"),
            (json!({"whole": 1.5}), "give a whole number, 0 or more"),
            (json!({"whole": 5_000_000_000_u64}), "give a whole number, 0 or more"),
            (json!({"signed": "x"}), "give a whole number"),
            (json!({"number": "x, expected a map"}), "give a number"),
            (json!({"flag": "yes"}), "give `true` or `false`"),
            (json!({"list": {}}), "give a list"),
            (json!({"pair": [1]}), "give a list"),
            (json!({"object": "x"}), "give an object"),
            (json!({"object": {"x": 1}}), "is not a field of this request; it has none"),
        ] {
            assert_eq!(said(&text.to_string()).unwrap().reason, reason, "{text}");
        }
    }

    #[test]
    fn a_field_that_is_missing_or_unknown_is_named() {
        let of = |field: &str, reason: &str| Wrong { field: Some(field.to_owned()), reason: reason.to_owned() };
        assert_eq!(wrong("missing field `a`"), of("a", "is required"));
        assert_eq!(wrong("missing field `a` at line 1 column 2"), of("a", "is required"));
        assert_eq!(
            wrong("unknown field `a`, b`, expected one of `c`, `d` at line 1 column 2"),
            of("a`, b", "is not a field of this request; there are `c`, `d`")
        );
        assert_eq!(wrong("unknown field `a`, expected `c`"), of("a", "is not a field of this request; there is `c`"));
    }

    #[test]
    fn what_the_apis_own_types_say_passes() {
        let own = "a priority is `low`, `normal` or `high`";
        assert_eq!(wrong(own), Wrong { field: None, reason: own.to_owned() });
        assert_eq!(wrong(&format!("{own} at line 3 column 14")).reason, own);
    }

    #[test]
    fn what_is_no_json_is_said_in_plain_words() {
        for (text, says) in [
            ("", "ends before"),
            ("{\"a\": ", "ends before"),
            ("hello", "is not JSON (line 1, column 1)"),
            ("{} {}", "more text after"),
            ("{\"a\": 1e999}", "out of range"),
            ("{\"a\": \"\n\"}", "control character"),
            ("{\"a\": \"\\ud83d\"}", "whole character"),
            ("{a: 1}", "is not JSON"),
        ] {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            let reason = no_object(&error);
            assert!(reason.starts_with("send one JSON object; ") && reason.contains(says), "{text}: {reason}");
        }
        let deep = "[".repeat(1000);
        assert!(no_object(&serde_json::from_str::<Value>(&deep).unwrap_err()).contains("nests too deep"));
        let list = serde_json::from_str::<serde_json::Map<String, Value>>("[]").unwrap_err();
        assert_eq!(no_object(&list), "send one JSON object");
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(json!("s3cret")),
            Just(json!("s3cret, expected a string")),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z`]{1,5}", inner, 0..3)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_word_of_serdes_and_nothing_that_was_sent_is_said(name in prop::sample::select(&NAMES[..]), value in anything()) {
            let text = json!({ name: value }).to_string();
            if let Some(Wrong { field: None, reason }) = said(&text) {
                for word in ["s3cret", "invalid", "expected", "struct", "u8", "u32", "i64", "f64", "floating", "sequence"] {
                    prop_assert!(!reason.contains(word), "{} is said of {}", reason, text);
                }
            }
        }
    }
}
