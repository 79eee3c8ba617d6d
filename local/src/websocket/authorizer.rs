//! The verdict of an authorizer's answer on a handshake.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    iam::{Effect, Statement, matches},
    lambda::Outcome,
};

/// The longest answer of an authorizer.
const RESULT_LIMIT: usize = 8 * 1024;

/// The verdict on a handshake.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// It goes on; later events have this context.
    Allow(Map<String, Value>),
    /// The policy forbids it, or does not allow it.
    Deny {
        /// Whether a statement says `Deny`.
        explicit: bool,
    },
    /// The authorizer said exactly `Unauthorized`.
    Unauthorized,
    /// The authorizer failed, or answered what API Gateway does not understand.
    Broken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    principal_id: String,
    policy_document: Policy,
    #[serde(default)]
    context: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    statement: Vec<Statement>,
}

/// Judges an authorizer's outcome for a method.
pub(crate) fn judge(outcome: &Outcome, method_arn: &str, latency_ms: u64) -> Verdict {
    let result = match outcome {
        Ok(result) => result,
        Err(error) if error.message == "Unauthorized" => return Verdict::Unauthorized,
        Err(_) => return Verdict::Broken,
    };
    let answer: Answer = match serde_json::from_slice(result) {
        Ok(answer) if result.len() <= RESULT_LIMIT => answer,
        _ => return Verdict::Broken,
    };
    let Some(mut context) = stringified(&answer.context) else { return Verdict::Broken };
    let fits = |statement: &&Statement| {
        statement.action.iter().any(|pattern| matches(&pattern.to_lowercase(), "execute-api:invoke"))
            && statement.resource.iter().any(|pattern| matches(pattern, method_arn))
    };
    let fitting: Vec<_> = answer.policy_document.statement.iter().filter(fits).collect();
    if fitting.iter().any(|statement| statement.effect == Effect::Deny) {
        return Verdict::Deny { explicit: true };
    }
    if fitting.is_empty() {
        return Verdict::Deny { explicit: false };
    }
    context.insert("principalId".to_owned(), json!(answer.principal_id));
    context.insert("integrationLatency".to_owned(), json!(latency_ms));
    Verdict::Allow(context)
}

/// Context values are handed on as text; `None` if one is no scalar.
fn stringified(context: &Map<String, Value>) -> Option<Map<String, Value>> {
    let pairs = context.iter().map(|(key, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some((key.clone(), Value::String(text)))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lambda::FunctionError;

    const ARN: &str = "arn:aws:execute-api:us-east-1:123456789012:abc/dev/$connect";

    fn verdict(answer: &Value) -> Verdict {
        judge(&Ok(answer.to_string().into()), ARN, 5)
    }

    fn answer(effect: &str, resource: &str, context: &Value) -> Value {
        json!({
            "principalId": "alice",
            "policyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}]},
            "context": context,
        })
    }

    #[test]
    fn an_allowed_handshake_hands_the_context_on_as_text() {
        let Verdict::Allow(context) = verdict(&answer("Allow", "*", &json!({"a": "x", "n": 1, "b": true}))) else {
            panic!("the policy allows it");
        };
        let expected = json!({"a": "x", "n": "1", "b": "true", "principalId": "alice", "integrationLatency": 5});
        assert_eq!(Value::from(context), expected);
    }

    #[test]
    fn a_policy_may_deny_or_not_allow() {
        assert_eq!(verdict(&answer("Deny", ARN, &json!({}))), Verdict::Deny { explicit: true });
        assert_eq!(verdict(&answer("Allow", "arn:other", &json!({}))), Verdict::Deny { explicit: false });
    }

    #[test]
    fn what_api_gateway_does_not_understand_is_broken() {
        assert_eq!(verdict(&json!({"isAuthorized": true})), Verdict::Broken);
        assert_eq!(verdict(&answer("Allow", "*", &json!({"a": []}))), Verdict::Broken);
        assert_eq!(verdict(&answer("Allow", "*", &json!({"a": "x".repeat(9000)}))), Verdict::Broken);
    }

    #[test]
    fn only_the_exact_word_is_unauthorized() {
        let failed = |message: &str| judge(&Err(FunctionError::new("E", message)), ARN, 0);
        assert_eq!(failed("Unauthorized"), Verdict::Unauthorized);
        assert_eq!(failed("unauthorized"), Verdict::Broken);
    }
}
