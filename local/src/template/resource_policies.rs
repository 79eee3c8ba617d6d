//! The policies of topics and queues. They let services of AWS in that nobody here plays, so they are checked and, but
//! where a subscription needs one, have no effect.

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::Value;

use super::{
    Effect, Queue, Resource, Topic,
    properties::{one_or_more, read},
};
use crate::{aws::Right, pattern::matches};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TopicPolicyProperties {
    topics: Vec<String>,
    policy_document: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct QueuePolicyProperties {
    queues: Vec<String>,
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
    effect: Effect,
    #[serde(deserialize_with = "principals")]
    principal: Vec<String>,
    #[serde(deserialize_with = "one_or_more")]
    action: Vec<String>,
    #[serde(deserialize_with = "one_or_more")]
    resource: Vec<String>,
    #[serde(rename = "Condition")]
    _condition: Option<IgnoredAny>,
    #[serde(rename = "Sid")]
    _sid: Option<String>,
}

/// `*`, or an object with the names of each kind: `{"Service": ["sns.amazonaws.com"]}`.
fn principals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Object(kinds) => {
            let names = kinds.into_values().map(one_or_more).collect::<Result<Vec<_>, _>>();
            names.map_err(serde::de::Error::custom)?.concat()
        }
        Value::String(all) if all == "*" => vec![all],
        other => return Err(serde::de::Error::custom(format!("{other} is no Principal"))),
    })
}

/// What a topic's policy may be about; SNS refuses the rest, and a `*` above all.
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

/// A policy of topics or queues.
struct Policy {
    name: String,
    /// ARNs of topics, or addresses of queues.
    on: Vec<String>,
    statements: Vec<Statement>,
}

/// The policies of the template's topics and queues.
pub(super) struct ResourcePolicies {
    topics: Vec<Policy>,
    queues: Vec<Policy>,
}

impl ResourcePolicies {
    /// Reads every `AWS::SNS::TopicPolicy` and `AWS::SQS::QueuePolicy`.
    pub(super) fn of(resources: &[Resource]) -> Result<Self, String> {
        let of = |kind: &'static str| resources.iter().filter(move |resource| resource.kind == kind);
        let topics = of("AWS::SNS::TopicPolicy").map(|resource| {
            let TopicPolicyProperties { topics, policy_document } = read(resource)?;
            Ok(Policy { name: resource.name.clone(), on: topics, statements: policy_document.statement })
        });
        let queues = of("AWS::SQS::QueuePolicy").map(|resource| {
            let QueuePolicyProperties { queues, policy_document } = read(resource)?;
            Ok(Policy { name: resource.name.clone(), on: queues, statements: policy_document.statement })
        });
        let (topics, queues) = (topics.collect::<Result<_, String>>()?, queues.collect::<Result<_, String>>()?);
        Ok(Self { topics, queues })
    }

    /// Requires what SNS requires of the policies of topics.
    pub(super) fn check_topics(&self, topics: &[Topic]) -> Result<(), String> {
        for Policy { name, on, statements } in &self.topics {
            if let Some(other) = on.iter().find(|arn| topics.iter().all(|topic| topic.arn != **arn)) {
                return Err(format!("{name}: {other} is no topic of the template"));
            }
            for Statement { action, resource, .. } in statements {
                if let Some(other) = action.iter().find(|action| !is_of_topics(action)) {
                    return Err(format!("{name}: SNS takes no {other} in a topic's policy, only actions on one topic"));
                }
                if let Some(other) = resource.iter().find(|resource| !on.contains(resource)) {
                    return Err(format!("{name}: its Resource {other} is none of its Topics"));
                }
            }
        }
        Ok(())
    }

    /// Requires that the policies of queues are about queues of the template.
    pub(super) fn check_queues(&self, queues: &[Queue]) -> Result<(), String> {
        for Policy { name, on, .. } in &self.queues {
            let is_known = |url: &String| queues.iter().any(|queue| url.ends_with(&format!("/{}", queue.name)));
            if let Some(other) = on.iter().find(|url| !is_known(url)) {
                return Err(format!("{name}: {other} is no queue of the template"));
            }
        }
        Ok(())
    }

    /// Whether a queue's policy gives a service a right on it; under a condition too, which is not evaluated.
    pub(super) fn lets(&self, service: &str, right: &Right) -> bool {
        let fits = |patterns: &[String], text: &str| patterns.iter().any(|pattern| matches(pattern, text));
        let mut statements = self.queues.iter().flat_map(|policy| &policy.statements);
        statements.any(|statement| {
            statement.effect == Effect::Allow
                && statement.principal.iter().any(|name| name == service || name == "*")
                && fits(&statement.action, &right.action)
                && fits(&statement.resource, &right.resource)
        })
    }
}

fn is_of_topics(action: &str) -> bool {
    let (service, name) = action.split_once(':').unwrap_or_default();
    service.eq_ignore_ascii_case("sns") && OF_TOPICS.iter().any(|known| known.eq_ignore_ascii_case(name))
}
