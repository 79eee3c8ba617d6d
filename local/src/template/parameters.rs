//! The template's parameters: the value of each, and the check that the template allows it.

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::yaml::text_of;
use crate::error::StartError;

/// The types that are served here. Any other, such as a type that CloudFormation looks up, is an error that names it.
#[derive(Deserialize, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    CommaDelimitedList,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Parameter {
    r#type: Kind,
    default: Option<Value>,
    allowed_values: Option<Vec<Value>>,
    allowed_pattern: Option<String>,
    constraint_description: Option<String>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    #[serde(rename = "Description")]
    _description: Option<Value>,
    no_echo: Option<Value>,
}

impl Parameter {
    /// The value of `Ref` if the parameter is set to this text.
    fn value(&self, text: &str) -> Value {
        if self.r#type == Kind::CommaDelimitedList { json!(members(text)) } else { json!(text) }
    }

    /// The texts that must each be allowed: the whole text, or the members of the list.
    fn parts<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.r#type == Kind::CommaDelimitedList { members(text) } else { vec![text] }
    }

    /// The value as an error may show it.
    fn shown(&self, value: &str) -> String {
        let secret = self.no_echo.as_ref().is_some_and(|no_echo| text_of(no_echo) == "true");
        if secret { "what it was given".to_owned() } else { format!("{value:?}") }
    }
}

/// The members of a list, without the blanks around each; an empty text has none.
fn members(text: &str) -> Vec<&str> {
    if text.trim().is_empty() { Vec::new() } else { text.split(',').map(str::trim).collect() }
}

/// Gives every declared parameter its value: the last of `given`, else its default.
pub(crate) fn resolve(declared: &Value, given: &[(String, String)]) -> Result<BTreeMap<String, Value>, StartError> {
    let declared: BTreeMap<String, Parameter> = if declared.is_null() {
        BTreeMap::new()
    } else {
        serde_json::from_value(declared.clone())
            .map_err(|error| StartError::Template(format!("the template's Parameters: {error}")))?
    };
    if let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains_key(name)) {
        let known: Vec<&str> = declared.keys().map(String::as_str).collect();
        return Err(StartError::Parameter(format!(
            "the template has no parameter {name:?}; it has {}",
            known.join(", ")
        )));
    }
    declared
        .into_iter()
        .map(|(name, parameter)| {
            let given = given.iter().rev().find(|(other, _)| *other == name).map(|(_, value)| value.clone());
            let value = given
                .or_else(|| parameter.default.as_ref().map(text_of))
                .ok_or_else(|| StartError::Parameter(format!("parameter {name} has no default and no value")))?;
            check(&parameter, &value).map_err(|why| {
                StartError::Parameter(format!("parameter {name} may not be {}: {why}", parameter.shown(&value)))
            })?;
            let value = parameter.value(&value);
            Ok((name, value))
        })
        .collect()
}

fn check(parameter: &Parameter, value: &str) -> Result<(), String> {
    let parts = parameter.parts(value);
    let explained = |why: String| parameter.constraint_description.clone().unwrap_or(why);
    if let Some(allowed) = &parameter.allowed_values {
        let allowed: Vec<String> = allowed.iter().map(text_of).collect();
        if !parts.iter().all(|part| allowed.iter().any(|other| other == part)) {
            return Err(explained(format!("it must be one of {}", allowed.join(", "))));
        }
    }
    if let Some(pattern) = &parameter.allowed_pattern {
        let whole = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| error.to_string())?;
        if !parts.iter().all(|part| whole.is_match(part)) {
            return Err(explained(format!("it must match {pattern}")));
        }
    }
    check_size(parameter, value).map_err(explained)
}

fn check_size(parameter: &Parameter, value: &str) -> Result<(), String> {
    if parameter.r#type == Kind::Number {
        let number: f64 = value.parse().map_err(|_| "it must be a number".to_owned())?;
        if parameter.min_value.is_some_and(|least| number < least) {
            return Err(format!("it must be at least {}", parameter.min_value.unwrap_or_default()));
        }
        if parameter.max_value.is_some_and(|most| number > most) {
            return Err(format!("it must be at most {}", parameter.max_value.unwrap_or_default()));
        }
    }
    let length = value.chars().count();
    if parameter.min_length.is_some_and(|least| length < least) {
        return Err("it is too short".to_owned());
    }
    if parameter.max_length.is_some_and(|most| length > most) {
        return Err("it is too long".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Value {
        json!({
            "Stage": {"Type": "String", "Default": "dev", "AllowedPattern": "[a-z]+"},
            "Days": {"Type": "Number", "Default": 7, "MinValue": 1, "MaxValue": 365},
            "Word": {"Type": "String", "Default": "", "MaxLength": 3, "NoEcho": true},
            "Level": {"Type": "String", "Default": "INFO", "AllowedValues": ["INFO", "WARN"]},
            "Origins": {"Type": "CommaDelimitedList", "Default": "*", "AllowedPattern": "\\*|https?://.+"},
        })
    }

    fn outcome(given: &[(&str, &str)]) -> Result<BTreeMap<String, Value>, String> {
        let given: Vec<_> = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        resolve(&declared(), &given).map_err(|error| error.to_string())
    }

    #[test]
    fn the_last_value_given_wins_over_the_default() {
        let values = outcome(&[("Stage", "one"), ("Stage", "two")]).expect("allowed values");
        assert_eq!(values["Stage"], "two");
        assert_eq!(values["Days"], "7");
    }

    #[test]
    fn a_refusal_names_the_parameter() {
        for given in
            [("Stage", "Upper"), ("Days", "0"), ("Days", "many"), ("Level", "TRACE"), ("Nope", "1"), ("Origins", "*,x")]
        {
            let error = outcome(&[given]).expect_err("a value that is not allowed");
            assert!(error.contains(given.0), "{error}");
        }
    }

    #[test]
    fn a_pattern_is_held_against_the_whole_value() {
        for stage in ["dev\n", "\ndev", "dev\nprod", " dev", "dev prod", ""] {
            assert!(outcome(&[("Stage", stage)]).is_err(), "{stage:?}");
        }
    }

    #[test]
    fn a_list_has_members_without_blanks_or_none() {
        let origins = |given: &str| outcome(&[("Origins", given)]).expect("allowed values")["Origins"].clone();
        assert_eq!(outcome(&[]).expect("defaults")["Origins"], json!(["*"]));
        assert_eq!(origins(" https://a.example , http://b.example"), json!(["https://a.example", "http://b.example"]));
        assert_eq!(origins(" "), json!([]));
    }

    #[test]
    fn a_type_that_is_not_served_is_refused_by_name() {
        let error = resolve(&json!({"Image": {"Type": "AWS::SSM::Parameter::Value<String>"}}), &[]);
        let error = error.expect_err("nothing looks it up").to_string();
        assert!(error.contains("AWS::SSM::Parameter::Value<String>"), "{error}");
    }

    #[test]
    fn a_value_that_must_not_be_shown_is_not() {
        let error = outcome(&[("Word", "hidden")]).expect_err("it is too long");
        assert!(error.contains("Word") && !error.contains("hidden"), "{error}");
    }
}
