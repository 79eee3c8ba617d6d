//! Policies: their statements, the rights that calls need, and the decision.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::pattern::matches;

/// A right that a call needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Right {
    /// Such as `dynamodb:PutItem`.
    pub(crate) action: String,
    /// The ARN of the resource.
    pub(crate) resource: String,
    /// The values of AWS's condition keys for this call, such as `ses:FromAddress`.
    #[serde(skip)]
    pub(crate) context: BTreeMap<&'static str, String>,
}

impl Right {
    /// A right without condition keys.
    pub(crate) fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), context: BTreeMap::new() }
    }
}

/// One statement of a role's policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Statement {
    /// Whether it allows or denies.
    pub(crate) effect: Effect,
    /// Action patterns, such as `dynamodb:Get*`.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) action: Vec<String>,
    /// ARN patterns.
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) resource: Vec<String>,
    /// In place of `resource`: the statement is about every resource that matches none of these ARN patterns.
    #[serde(default, deserialize_with = "one_or_more")]
    pub(crate) not_resource: Vec<String>,
    /// The conditions of the statement: by operator, then by key, the values that match.
    #[serde(default)]
    pub(crate) condition: BTreeMap<String, BTreeMap<String, Value>>,
    #[serde(rename = "Sid")]
    _sid: Option<String>,
}

/// The effect of a statement on the calls that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Effect {
    /// Allows them.
    Allow,
    /// Forbids them, whatever else allows them.
    Deny,
}

/// A list of texts, or one that stands alone.
pub(crate) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items.iter().map(text).collect()),
        one => Ok(vec![text(&one)]),
    }
}

/// Whether a policy gives a right: a statement allows it, and none denies it.
pub(crate) fn allows(policy: &[Statement], right: &Right) -> bool {
    let action = right.action.to_ascii_lowercase();
    let fits = |statement: &&Statement| {
        (statement.effect == Effect::Deny || holds(&statement.condition, right))
            && statement.action.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &action))
            && is_about(statement, &right.resource)
    };
    let mut fitting = policy.iter().filter(fits).peekable();
    fitting.peek().is_some() && fitting.all(|statement| statement.effect == Effect::Allow)
}

/// Whether all of a statement's conditions hold. `StringEquals` is evaluated on the known keys of the call. A condition with any
/// other operator or key does not hold: an `Allow` under it allows nothing, and a `Deny` always counts.
fn holds(condition: &BTreeMap<String, BTreeMap<String, Value>>, right: &Right) -> bool {
    condition.iter().all(|(operator, compared)| {
        operator == "StringEquals"
            && compared.iter().all(|(key, values)| {
                let said = right.context.get(key.as_str());
                said.is_some_and(|said| {
                    values == said || values.as_array().is_some_and(|all| all.iter().any(|one| one == said))
                })
            })
    })
}

fn is_about(statement: &Statement, resource: &str) -> bool {
    let fits = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, resource));
    if statement.not_resource.is_empty() { fits(&statement.resource) } else { !fits(&statement.not_resource) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn right(action: &str, resource: &str) -> Right {
        Right::new(action, resource)
    }

    fn policy(statements: Value) -> Vec<Statement> {
        serde_json::from_value(statements).expect("valid statements")
    }

    #[test]
    fn what_no_statement_allows_is_forbidden_and_a_denial_wins() {
        let policy = policy(json!([
            {"Effect": "Allow", "Action": ["dynamodb:Get*", "dynamodb:PutItem"], "Resource": "arn:t"},
            {"Effect": "Deny", "Action": "dynamodb:PutItem", "Resource": "*"},
        ]));
        assert!(allows(&policy, &right("dynamodb:GetItem", "arn:t")));
        assert!(!allows(&policy, &right("dynamodb:GetItem", "arn:other")));
        assert!(!allows(&policy, &right("dynamodb:PutItem", "arn:t")));
        assert!(!allows(&policy, &right("dynamodb:Query", "arn:t")));
    }

    #[test]
    fn a_condition_on_what_is_known_of_a_call_is_evaluated() {
        let from = |address: &str| Right {
            context: BTreeMap::from([("ses:FromAddress", address.to_owned())]),
            ..right("ses:SendEmail", "arn:i")
        };
        let under = |condition: Value| {
            policy(json!([{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*", "Condition": condition}]))
        };
        let news = under(json!({"StringEquals": {"ses:FromAddress": "news@example.com"}}));
        assert!(allows(&news, &from("news@example.com")));
        assert!(!allows(&news, &from("ceo@example.com")) && !allows(&news, &right("ses:SendEmail", "arn:i")));
        let either = under(json!({"StringEquals": {"ses:FromAddress": ["a@example.com", "b@example.com"]}}));
        assert!(allows(&either, &from("b@example.com")) && !allows(&either, &from("c@example.com")));
        assert!(!allows(&under(json!({"StringLike": {"ses:FromAddress": "*"}})), &from("a@example.com")));
    }

    #[test]
    fn under_a_condition_that_is_not_known_nothing_is_allowed_and_what_is_denied_is() {
        let condition = json!({"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}});
        let policy = policy(json!([
            {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*", "Condition": condition},
            {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "dynamodb:Scan", "Resource": "*", "Condition": condition},
        ]));
        assert!(!allows(&policy, &right("kms:Decrypt", "arn:k")));
        assert!(allows(&policy, &right("dynamodb:Query", "arn:t")));
        assert!(!allows(&policy, &right("dynamodb:Scan", "arn:t")));
    }

    #[test]
    fn what_is_no_topic_may_be_all_that_is_published_to() {
        let policy = policy(json!([{"Effect": "Allow", "Action": "sns:Publish", "NotResource": "arn:*:sns:*:*:*"}]));
        assert!(allows(&policy, &right("sns:Publish", "+15550100")));
        assert!(!allows(&policy, &right("sns:Publish", "arn:aws:sns:us-east-1:123456789012:topic")));
    }
}
