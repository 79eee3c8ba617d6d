//! Who calls, and what their function's policy lets them do.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use serde::Serialize;
use serde_json::Value;

use crate::{
    lambda::Lambda,
    pattern::matches,
    template::{ACCOUNT, Effect, Function, Statement},
};

/// What a policy must allow for a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Right {
    /// Such as `dynamodb:PutItem`.
    pub(crate) action: String,
    /// The ARN of what it is done to.
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

/// The caller of an AWS API, as their access key says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    /// The access key, if the request is signed with one.
    pub(crate) access_key: Option<String>,
    /// The function that it was given to. Whoever else calls may do all.
    pub(crate) function: Option<Function>,
}

impl Caller {
    /// Reads the `Authorization` header.
    pub(crate) fn of(headers: &HeaderMap, lambda: &Lambda) -> Self {
        let header = headers.get(hyper::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let access_key = header.and_then(access_key).map(str::to_owned);
        let function = access_key.as_deref().and_then(|key| lambda.function_of(key)).cloned();
        Self { access_key, function }
    }

    /// The calling function's logical name.
    pub(crate) fn function_name(&self) -> Option<String> {
        self.function.as_ref().map(|function| function.name.clone())
    }

    /// The access key, if it is a function's.
    pub(crate) fn process(&self) -> Option<String> {
        self.access_key.clone().filter(|_| self.function.is_some())
    }

    /// Whether the caller may perform `operation`, for which these rights are needed; if not, AWS's words for it. Where
    /// no right is known to suffice, no function may.
    pub(crate) fn authorize(&self, operation: &str, needed: &[Right]) -> Result<(), String> {
        let Some(function) = &self.function else { return Ok(()) };
        if needed.is_empty() {
            return Err(format!(
                "User: {} is not authorized to perform: {operation}; the local stack knows no right that it needs",
                user(function)
            ));
        }
        match needed.iter().find(|right| !allows(&function.policy, right)) {
            None => Ok(()),
            Some(Right { action, resource, .. }) => Err(format!(
                "User: {} is not authorized to perform: {action} on resource: {resource} \
                 because no identity-based policy allows the {action} action",
                user(function)
            )),
        }
    }
}

fn user(function: &Function) -> String {
    let name = &function.physical_name;
    format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}-role/{name}")
}

/// The access key in a Signature Version 4 `Authorization` header.
fn access_key(authorization: &str) -> Option<&str> {
    let credential = authorization.strip_prefix("AWS4-")?.split_once("Credential=")?.1;
    credential.split(['/', ',']).next().filter(|key| !key.is_empty())
}

/// Whether a policy gives a right: some statement allows it, and none denies it.
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

/// Whether all of a statement's conditions hold. `StringEquals` is evaluated, on what is known of the call. Any other operator, and what
/// is not known, such as on behalf of which service KMS decrypts, does not hold: then nothing is allowed, and what is denied always is.
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

    #[test]
    fn a_function_may_do_only_what_is_known_to_be_allowed() {
        let all = policy(json!([{"Effect": "Allow", "Action": "*", "Resource": "arn:t"}]));
        let function = Caller { function: Some(Function::named("F", all)), ..Caller::default() };
        let needs = |resource: &str| [right("dynamodb:GetItem", resource)];
        function.authorize("GetItem", &needs("arn:t")).expect("it is allowed");
        let refused = function.authorize("GetItem", &needs("arn:other")).expect_err("it is not allowed");
        assert!(refused.contains("not authorized to perform: dynamodb:GetItem on resource: arn:other"), "{refused}");
        let unknown = function.authorize("ExecuteStatement", &[]).expect_err("nobody knows");
        assert!(unknown.contains("not authorized to perform: ExecuteStatement"), "{unknown}");
        Caller::default().authorize("ExecuteStatement", &[]).expect("who is no function may do all");
    }

    #[test]
    fn the_access_key_stands_in_the_authorization_header() {
        let header = "AWS4-HMAC-SHA256 Credential=ASIA1/20261121/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(access_key(header), Some("ASIA1"));
        assert_eq!(access_key("Bearer Credential=x"), None);
    }
}
