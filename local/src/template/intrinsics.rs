//! CloudFormation's intrinsic functions, over JSON in their long forms.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    ids::{ACCOUNT, Identity, REGION},
    yaml::text_of,
};

/// The names that a template's expressions may use.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// The name of the stack.
    pub(crate) stack: String,
    /// Parameters with their values: texts, and lists of texts.
    pub(crate) parameters: BTreeMap<String, Value>,
    /// The `Conditions` section, unresolved.
    pub(crate) conditions: Map<String, Value>,
    /// The `Mappings` section.
    pub(crate) mappings: Value,
    /// Resources by logical name.
    pub(crate) resources: BTreeMap<String, Identity>,
    /// Replacements in every resolved string: an API's address on AWS, and its address here.
    pub(crate) addresses: Vec<(String, String)>,
}

type Resolved = Result<Option<Value>, String>;

impl Scope {
    /// The value with every intrinsic function computed; `None` where that is `AWS::NoValue`.
    pub(crate) fn resolve(&self, value: &Value) -> Resolved {
        match value {
            Value::Object(object) => match single(object) {
                Some((name, argument)) if is_intrinsic(name, argument) => self.call(name, argument),
                _ => self.resolve_object(object),
            },
            Value::Array(items) => {
                let items = items.iter().filter_map(|item| self.resolve(item).transpose());
                items.collect::<Result<_, _>>().map(|items| Some(Value::Array(items)))
            }
            Value::String(text) => Ok(Some(Value::String(self.served_here(text)))),
            other => Ok(Some(other.clone())),
        }
    }

    /// Whether a condition, inline or by name, holds.
    pub(crate) fn holds(&self, condition: &Value) -> Result<bool, String> {
        let value = match condition {
            Value::String(name) => {
                let named = self.conditions.get(name).ok_or_else(|| format!("there is no condition {name}"))?;
                return self.holds(named);
            }
            other => self.resolve(other)?,
        };
        match value {
            Some(Value::Bool(holds)) => Ok(holds),
            _ => Err(format!("{condition} is not a condition")),
        }
    }

    fn resolve_object(&self, object: &Map<String, Value>) -> Resolved {
        let entries = object.iter().filter_map(|(key, value)| match self.resolve(value) {
            Ok(Some(value)) => Some(Ok((key.clone(), value))),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        });
        entries.collect::<Result<_, _>>().map(|entries| Some(Value::Object(entries)))
    }

    fn call(&self, name: &str, argument: &Value) -> Resolved {
        if name == "Ref" {
            return self.reference(argument.as_str().ok_or("Ref takes a name")?);
        }
        let value = match name {
            "Condition" => Value::Bool(self.holds(argument)?),
            "Fn::If" => return self.choose(argument),
            "Fn::Not" => Value::Bool(!self.holds(argument.get(0).ok_or("Fn::Not takes a list of one")?)?),
            "Fn::And" => Value::Bool(self.all_hold(argument)?.into_iter().all(|holds| holds)),
            "Fn::Or" => Value::Bool(self.all_hold(argument)?.into_iter().any(|holds| holds)),
            "Fn::Equals" => {
                let [left, right] = self.strings(argument)?.try_into().map_err(|_| "Fn::Equals takes two values")?;
                Value::Bool(left == right)
            }
            "Fn::Sub" => Value::String(self.substitute(argument)?),
            "Fn::GetAtt" => Value::String(self.served_here(&self.attribute(&self.strings(argument)?.join("."))?)),
            "Fn::Join" => self.join(argument)?,
            "Fn::Select" => return self.select(argument),
            "Fn::Split" => self.split(argument)?,
            "Fn::FindInMap" => return self.find_in_map(argument),
            _ => return Err(format!("{name} is not served here")),
        };
        Ok(Some(value))
    }

    fn reference(&self, name: &str) -> Resolved {
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        match self.parameters.get(name) {
            Some(value) => Ok(Some(value.clone())),
            None => self.named(name).map(|text| Some(Value::String(self.served_here(&text)))),
        }
    }

    /// A parameter's text, a pseudo parameter, or the value of a resource's `Ref`.
    fn named(&self, name: &str) -> Result<String, String> {
        let pseudo = match name {
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::Region" => Some(REGION),
            "AWS::StackName" => Some(self.stack.as_str()),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        let parameter = self.parameters.get(name);
        if parameter.is_some_and(Value::is_array) {
            return Err(format!("{name} is a list; Fn::Join makes a text of it"));
        }
        pseudo
            .or_else(|| parameter.and_then(Value::as_str))
            .or_else(|| self.resources.get(name).map(|resource| resource.reference.as_str()))
            .map(str::to_owned)
            .ok_or_else(|| format!("there is no parameter or resource {name}"))
    }

    fn attribute(&self, path: &str) -> Result<String, String> {
        let (name, attribute) = path.split_once('.').ok_or_else(|| format!("{path} names no attribute"))?;
        let resource = self.resources.get(name).ok_or_else(|| format!("there is no resource {name}"))?;
        let value = resource.attributes.get(attribute);
        value.cloned().ok_or_else(|| format!("the attribute {attribute} of {name} is not served here"))
    }

    fn choose(&self, argument: &Value) -> Resolved {
        let Some([condition, yes, no]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::If takes a condition and two values".to_owned());
        };
        self.resolve(if self.holds(condition)? { yes } else { no })
    }

    fn all_hold(&self, argument: &Value) -> Result<Vec<bool>, String> {
        let conditions = argument.as_array().ok_or("Fn::And and Fn::Or take a list")?;
        conditions.iter().map(|condition| self.holds(condition)).collect()
    }

    fn strings(&self, argument: &Value) -> Result<Vec<String>, String> {
        match self.resolve(argument)? {
            Some(Value::Array(items)) => Ok(items.iter().map(text_of).collect()),
            _ => Err(format!("{argument} is not a list")),
        }
    }

    fn join(&self, argument: &Value) -> Result<Value, String> {
        let Some([Value::String(separator), items]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::Join takes a separator and a list".to_owned());
        };
        Ok(Value::String(self.served_here(&self.strings(items)?.join(separator))))
    }

    fn split(&self, argument: &Value) -> Result<Value, String> {
        let Some([Value::String(separator), text]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::Split takes a separator and a text".to_owned());
        };
        match self.resolve(text)? {
            Some(Value::String(text)) => Ok(text.split(separator.as_str()).map(Value::from).collect()),
            _ => Err(format!("{text} is not a text")),
        }
    }

    fn select(&self, argument: &Value) -> Resolved {
        let Some([index, items]) = argument.as_array().map(Vec::as_slice) else {
            return Err("Fn::Select takes an index and a list".to_owned());
        };
        let index: usize = text_of(index).parse().map_err(|_| "Fn::Select takes a number first")?;
        match self.resolve(items)? {
            Some(Value::Array(items)) => {
                items.get(index).cloned().map(Some).ok_or("Fn::Select: no such item".to_owned())
            }
            _ => Err("Fn::Select takes a list second".to_owned()),
        }
    }

    fn find_in_map(&self, argument: &Value) -> Resolved {
        let keys = self.strings(argument)?;
        let found = keys.iter().try_fold(&self.mappings, |value, key| value.get(key));
        found.cloned().map(Some).ok_or_else(|| format!("no mapping has {}", keys.join(", ")))
    }

    fn substitute(&self, argument: &Value) -> Result<String, String> {
        let (text, own) = match argument {
            Value::String(text) => (text, Map::new()),
            Value::Array(both) => match both.as_slice() {
                [Value::String(text), own] => {
                    (text, self.resolve(own)?.and_then(|own| own.as_object().cloned()).unwrap_or_default())
                }
                _ => return Err("Fn::Sub takes a text and a mapping".to_owned()),
            },
            _ => return Err("Fn::Sub takes a text".to_owned()),
        };
        let mut result = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("a ${{ without }} in {text:?}"))?;
            result.push_str(before);
            result.push_str(&match name.strip_prefix('!') {
                Some(literal) => format!("${{{literal}}}"),
                None => self.substitution(name, &own)?,
            });
            rest = after;
        }
        result.push_str(rest);
        Ok(self.served_here(&result))
    }

    fn substitution(&self, name: &str, own: &Map<String, Value>) -> Result<String, String> {
        match own.get(name) {
            Some(value) => Ok(text_of(value)),
            None if name.contains('.') => self.attribute(name),
            None => self.named(name),
        }
    }

    /// Replaces AWS's addresses by those of this machine.
    fn served_here(&self, text: &str) -> String {
        self.addresses.iter().fold(text.to_owned(), |text, (there, here)| text.replace(there, here))
    }
}

fn single(object: &Map<String, Value>) -> Option<(&String, &Value)> {
    object.iter().next().filter(|_| object.len() == 1)
}

/// Whether this is an intrinsic function. `Condition` is one only where it names a condition; a policy's `Condition` is a
/// mapping.
fn is_intrinsic(name: &str, argument: &Value) -> bool {
    name == "Ref" || (name == "Condition" && argument.is_string()) || name.starts_with("Fn::")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let table = Identity::of("some", "Table", "AWS::DynamoDB::Table", Some("t".to_owned())).expect("a known type");
        Scope {
            stack: "some".to_owned(),
            parameters: BTreeMap::from([
                ("Stage".to_owned(), json!("local")),
                ("Origins".to_owned(), json!(["a", "b"])),
            ]),
            conditions: json!({"IsLocal": {"Fn::Equals": [{"Ref": "Stage"}, "local"]}})
                .as_object()
                .cloned()
                .expect("an object"),
            mappings: json!({"Sizes": {"local": {"Memory": 128}}}),
            resources: BTreeMap::from([("Table".to_owned(), table)]),
            addresses: vec![(
                "https://api.execute-api.us-east-1.amazonaws.com".to_owned(),
                "http://127.0.0.1:1".to_owned(),
            )],
        }
    }

    fn resolved(value: &Value) -> Value {
        scope().resolve(value).expect("a valid expression").unwrap_or(Value::Null)
    }

    #[test]
    fn references_and_attributes() {
        assert_eq!(resolved(&json!({"Ref": "Stage"})), json!("local"));
        assert_eq!(resolved(&json!({"Ref": "Table"})), json!("t"));
        assert_eq!(
            resolved(&json!({"Fn::GetAtt": ["Table", "Arn"]})),
            json!("arn:aws:dynamodb:us-east-1:123456789012:table/t")
        );
        assert!(scope().resolve(&json!({"Ref": "Nothing"})).is_err());
    }

    #[test]
    fn substitution_in_both_forms() {
        assert_eq!(
            resolved(&json!({"Fn::Sub": "a/${Stage}/${Table.Arn}/${!Kept}"})),
            json!("a/local/arn:aws:dynamodb:us-east-1:123456789012:table/t/${Kept}")
        );
        assert_eq!(
            resolved(&json!({"Fn::Sub": ["${X}-${AWS::Region}", {"X": {"Ref": "Stage"}}]})),
            json!("local-us-east-1")
        );
    }

    #[test]
    fn conditions_choose_and_no_value_vanishes() {
        assert_eq!(resolved(&json!({"A": {"Fn::If": ["IsLocal", 1, 2]}})), json!({"A": 1}));
        assert_eq!(resolved(&json!({"A": {"Fn::If": ["IsLocal", {"Ref": "AWS::NoValue"}, 2]}})), json!({}));
        assert_eq!(resolved(&json!({"Fn::Not": [{"Condition": "IsLocal"}]})), json!(false));
        assert_eq!(resolved(&json!({"Condition": {"Bool": {}}})), json!({"Condition": {"Bool": {}}}));
        assert_eq!(
            resolved(&json!({"Fn::And": [{"Condition": "IsLocal"}, {"Fn::Not": [{"Condition": "IsLocal"}]}]})),
            json!(false)
        );
        assert_eq!(
            resolved(&json!({"Fn::Or": [{"Condition": "IsLocal"}, {"Fn::Not": [{"Condition": "IsLocal"}]}]})),
            json!(true)
        );
    }

    #[test]
    fn lists_and_mappings() {
        assert_eq!(resolved(&json!({"Fn::Join": ["-", ["a", {"Ref": "Stage"}]]})), json!("a-local"));
        assert_eq!(resolved(&json!({"Fn::Select": ["1", ["a", "b"]]})), json!("b"));
        assert_eq!(resolved(&json!({"Fn::Split": ["/", {"Fn::Sub": "a/${Stage}"}]})), json!(["a", "local"]));
        assert_eq!(resolved(&json!({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]})), json!(128));
    }

    #[test]
    fn a_list_parameter_is_a_list_and_becomes_text_only_when_joined() {
        assert_eq!(resolved(&json!({"Ref": "Origins"})), json!(["a", "b"]));
        assert_eq!(resolved(&json!({"Fn::Join": ["", {"Ref": "Origins"}]})), json!("ab"));
        assert_eq!(resolved(&json!({"Fn::Select": [1, {"Ref": "Origins"}]})), json!("b"));
        let error = scope().resolve(&json!({"Fn::Sub": "${Origins}"})).expect_err("a list is no text");
        assert!(error.contains("Origins") && error.contains("Fn::Join"), "{error}");
    }

    #[test]
    fn an_address_on_aws_becomes_the_one_here() {
        assert_eq!(
            resolved(&json!("https://api.execute-api.us-east-1.amazonaws.com/x")),
            json!("http://127.0.0.1:1/x")
        );
    }
}
