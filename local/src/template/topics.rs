//! The topics of the template, and the functions that subscribe to them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    declared::{Function, Subscription, Topic},
    permissions::Permissions,
    properties::read,
    resource::Resource,
    topic_policies::check_policies,
};

/// The principal under which topics invoke functions.
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
}

/// Reads every `AWS::SNS::Topic` and `AWS::SNS::Subscription`.
pub(super) fn topics(
    resources: &[Resource],
    functions: &BTreeMap<String, Function>,
    permissions: &Permissions,
) -> Result<Vec<Topic>, String> {
    let of = |kind: &'static str| resources.iter().filter(move |resource| resource.kind == kind);
    let mut topics: Vec<Topic> = of("AWS::SNS::Topic").map(topic).collect::<Result<_, _>>()?;
    check_policies(resources, &topics)?;
    for resource in of("AWS::SNS::Subscription") {
        let properties: SubscriptionProperties = read(resource)?;
        let topic = topics.iter_mut().find(|topic| topic.arn == properties.topic_arn).ok_or_else(|| {
            format!("{}: its TopicArn {} is no topic of the template", resource.name, properties.topic_arn)
        })?;
        topic.subscriptions.push(subscription(resource, properties, functions, permissions)?);
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
    functions: &BTreeMap<String, Function>,
    permissions: &Permissions,
) -> Result<Subscription, String> {
    let SubscriptionProperties { topic_arn, protocol, endpoint } = properties;
    let name = &resource.name;
    if protocol != "lambda" {
        return Err(format!("{name}: the Protocol {protocol} is not served here; there is lambda"));
    }
    let function = functions.values().find(|function| function.arn == endpoint);
    let function = function.ok_or_else(|| format!("{name}: its Endpoint {endpoint} is no function of the template"))?;
    permissions.require(function, name, SNS, &topic_arn)?;
    Ok(Subscription { arn: resource.identity.reference.clone(), function: function.name.clone(), endpoint })
}
