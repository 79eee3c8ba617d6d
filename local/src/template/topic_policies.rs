//! The policies of topics. They admit services of AWS that the local stack does not have, so they are checked and have no effect.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

use super::{declared::Topic, properties::read, resource::Resource};
use crate::iam::{Effect, one_or_more};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Properties {
    topics: Vec<String>,
    policy_document: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    #[serde(rename = "Version")]
    _version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Effect")]
    _effect: Effect,
    #[serde(rename = "Principal", deserialize_with = "principal")]
    _principal: (),
    #[serde(deserialize_with = "one_or_more")]
    action: Vec<String>,
    #[serde(deserialize_with = "one_or_more")]
    resource: Vec<String>,
    #[serde(rename = "Condition")]
    _condition: Option<IgnoredAny>,
    #[serde(rename = "Sid")]
    _sid: Option<String>,
}

/// `*`, or an object with the names of each kind: `{"Service": ["s3.amazonaws.com"]}`.
fn principal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Object(kinds) => {
            kinds.into_values().try_for_each(|names| one_or_more(names).map(drop)).map_err(serde::de::Error::custom)
        }
        Value::String(all) if all == "*" => Ok(()),
        other => Err(serde::de::Error::custom(format!("{other} is no Principal"))),
    }
}

/// The actions that a topic's policy may have. SNS refuses any other, and `*` above all.
const OF_TOPICS: [&str; 8] = [
    "AddPermission",
    "DeleteTopic",
    "GetTopicAttributes",
    "ListSubscriptionsByTopic",
    "Publish",
    "RemovePermission",
    "SetTopicAttributes",
    "Subscribe",
];

/// Checks every `AWS::SNS::TopicPolicy` as SNS does.
pub(super) fn check_policies(resources: &[Resource], topics: &[Topic]) -> Result<(), String> {
    resources.iter().filter(|resource| resource.kind == "AWS::SNS::TopicPolicy").try_for_each(|policy| {
        let Properties { topics: on, policy_document } = read(policy)?;
        let name = &policy.name;
        if let Some(other) = on.iter().find(|arn| topics.iter().all(|topic| topic.arn != **arn)) {
            return Err(format!("{name}: {other} is no topic of the template"));
        }
        for Statement { action, resource, .. } in &policy_document.statement {
            if let Some(other) = action.iter().find(|action| !is_of_topics(action)) {
                return Err(format!("{name}: SNS takes no {other} in a topic's policy, only actions on one topic"));
            }
            if let Some(other) = resource.iter().find(|resource| !on.contains(resource)) {
                return Err(format!("{name}: its Resource {other} is not one of its Topics"));
            }
        }
        Ok(())
    })
}

fn is_of_topics(action: &str) -> bool {
    let (service, name) = action.split_once(':').unwrap_or_default();
    service.eq_ignore_ascii_case("sns") && OF_TOPICS.iter().any(|known| known.eq_ignore_ascii_case(name))
}
