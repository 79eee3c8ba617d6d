//! YAML to JSON, with CloudFormation's short tags written out: `!Ref X` becomes `{"Ref": "X"}`.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// Reads one YAML document.
pub(crate) fn load(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    match documents.as_slice() {
        [document] => to_json(document),
        _ => Err("expected exactly one YAML document".to_owned()),
    }
}

fn to_json(yaml: &Yaml<'_>) -> Result<Value, String> {
    match yaml {
        Yaml::Value(scalar) => Ok(scalar_to_json(scalar)),
        Yaml::Sequence(items) => items.iter().map(to_json).collect::<Result<_, _>>().map(Value::Array),
        Yaml::Mapping(entries) => entries
            .iter()
            .map(|(key, value)| Ok((key_text(key)?, to_json(value)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object),
        Yaml::Tagged(tag, node) => Ok(intrinsic(&tag.suffix, to_json(node)?)),
        Yaml::Alias(_) | Yaml::BadValue | Yaml::Representation(..) => {
            Err("CloudFormation does not accept this YAML (an alias, or a value that contradicts its type)".to_owned())
        }
    }
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => json!(value),
        Scalar::Integer(value) => json!(value),
        Scalar::FloatingPoint(value) => json!(value.into_inner()),
        Scalar::String(value) => json!(value),
    }
}

fn key_text(key: &Yaml<'_>) -> Result<String, String> {
    match key {
        Yaml::Value(scalar) => Ok(match scalar_to_json(scalar) {
            Value::String(text) => text,
            other => other.to_string(),
        }),
        _ => Err("a mapping's key must be plain text".to_owned()),
    }
}

fn intrinsic(tag: &str, argument: Value) -> Value {
    match (tag, argument) {
        ("Ref" | "Condition", argument) => json!({ tag: argument }),
        ("GetAtt", Value::String(path)) => {
            let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
            json!({ "Fn::GetAtt": [resource, attribute] })
        }
        (_, argument) => json!({ format!("Fn::{tag}"): argument }),
    }
}

/// A scalar as CloudFormation writes it into text.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_become_long_forms() {
        let text = "a: !Ref X\nb: !GetAtt T.Arn\nc: !If [C, !Ref AWS::NoValue, { N: 1 }]\nd: !Sub a-${X}\ne: !Not [!Condition C]";
        assert_eq!(
            load(text).expect("valid YAML"),
            json!({
                "a": {"Ref": "X"},
                "b": {"Fn::GetAtt": ["T", "Arn"]},
                "c": {"Fn::If": ["C", {"Ref": "AWS::NoValue"}, {"N": 1}]},
                "d": {"Fn::Sub": "a-${X}"},
                "e": {"Fn::Not": [{"Condition": "C"}]},
            })
        );
    }

    #[test]
    fn scalars_keep_their_types_and_keys_are_text() {
        assert_eq!(
            load("{ 200: '1', a: 1, b: true, c: ~ }").expect("valid YAML"),
            json!({"200": "1", "a": 1, "b": true, "c": null})
        );
    }
}
