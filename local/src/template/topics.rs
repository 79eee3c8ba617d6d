//! The topics of the template, and the functions that subscribe to them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Function, Queue, Resource, permissions::Permissions, properties::read, resource_policies::ResourcePolicies,
};
use crate::aws::Right;

/// The principal in whose name topics invoke functions and send dead letters.
const SNS: &str = "sns.amazonaws.com";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TopicProperties {
    #[serde(default)]
    display_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SubscriptionProperties {
    topic_arn: String,
    protocol: String,
    endpoint: String,
    redrive_policy: Option<RedriveProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedriveProperties {
    dead_letter_target_arn: String,
}

/// An SNS topic.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    /// Its logical name, which people know it by.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// What it is called where people read its messages.
    pub(crate) display_name: String,
    /// Who gets its messages.
    pub(crate) subscriptions: Vec<Subscription>,
}

/// A function's subscription to a topic.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    /// Its ARN.
    pub(crate) arn: String,
    /// The function's logical name.
    pub(crate) function: String,
    /// The function's ARN.
    pub(crate) endpoint: String,
}

/// What a subscription may refer to.
pub(super) struct Surroundings<'a> {
    pub(super) functions: &'a BTreeMap<String, Function>,
    pub(super) queues: &'a [Queue],
    pub(super) permissions: &'a Permissions,
    pub(super) policies: &'a ResourcePolicies,
}

/// Reads every `AWS::SNS::Topic` and `AWS::SNS::Subscription`.
pub(super) fn topics(resources: &[Resource], around: &Surroundings<'_>) -> Result<Vec<Topic>, String> {
    let of = |kind: &'static str| resources.iter().filter(move |resource| resource.kind == kind);
    let mut topics: Vec<Topic> = of("AWS::SNS::Topic").map(topic).collect::<Result<_, _>>()?;
    around.policies.check_topics(&topics)?;
    around.policies.check_queues(around.queues)?;
    for resource in of("AWS::SNS::Subscription") {
        let properties: SubscriptionProperties = read(resource)?;
        let topic = topics.iter_mut().find(|topic| topic.arn == properties.topic_arn).ok_or_else(|| {
            format!("{}: its TopicArn {} is no topic of the template", resource.name, properties.topic_arn)
        })?;
        topic.subscriptions.push(subscription(resource, properties, around)?);
    }
    Ok(topics)
}

fn topic(resource: &Resource) -> Result<Topic, String> {
    let properties: TopicProperties = read(resource)?;
    Ok(Topic {
        logical_name: resource.name.clone(),
        name: resource.identity.attributes["TopicName"].clone(),
        arn: resource.identity.reference.clone(),
        display_name: properties.display_name,
        subscriptions: Vec::new(),
    })
}

fn subscription(
    resource: &Resource,
    properties: SubscriptionProperties,
    around: &Surroundings<'_>,
) -> Result<Subscription, String> {
    let SubscriptionProperties { topic_arn, protocol, endpoint, redrive_policy } = properties;
    let name = &resource.name;
    if protocol != "lambda" {
        return Err(format!("{name}: the Protocol {protocol} is not served here; there is lambda"));
    }
    let function = around.functions.values().find(|function| function.arn == endpoint);
    let function = function.ok_or_else(|| format!("{name}: its Endpoint {endpoint} is no function of the template"))?;
    around.permissions.require(function, name, SNS, &topic_arn)?;
    if let Some(policy) = redrive_policy {
        check_redrive(name, &policy.dead_letter_target_arn, around)?;
    }
    Ok(Subscription { arn: resource.identity.reference.clone(), function: function.name.clone(), endpoint })
}

/// Requires a queue that lets SNS send to it. No message ever comes there: what a subscription's dead letters are, is
/// what Lambda does not take, and here it takes everything.
fn check_redrive(name: &str, target: &str, around: &Surroundings<'_>) -> Result<(), String> {
    let queue = around.queues.iter().find(|queue| queue.arn == target);
    let queue = queue.ok_or_else(|| format!("{name}: its deadLetterTargetArn {target} is no queue of the template"))?;
    let right = Right { action: "sqs:SendMessage".to_owned(), resource: target.to_owned() };
    if around.policies.lets(SNS, &right) {
        return Ok(());
    }
    Err(format!("{name}: no AWS::SQS::QueuePolicy lets {SNS} send messages to {}", queue.logical_name))
}
