//! SNS: the rights that its requests need, and its answers.

mod direct;
mod endpoints;
mod failure;
mod request;

use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use self::failure::ERRORS;
use self::{
    failure::NAMESPACE,
    request::{LAMBDA, SIZE_LIMIT, Target, entries, notice, target},
};
use super::protocol::{Failure, query};
use crate::{
    iam::Right,
    outbox::Outbox,
    platforms::Platforms,
    serve::Response,
    template::{ACCOUNT, Topic},
    topics::{Notice, Topics},
};

/// The name under which requests are signed.
pub(crate) const NAME: &str = "sns";

/// The parts of an ARN at least.
const ARN_PARTS: usize = 6;

/// The operations that are served.
pub(crate) const OPERATIONS: [&str; 11] = [
    "Publish",
    "PublishBatch",
    "ListTopics",
    "GetTopicAttributes",
    "ListSubscriptions",
    "ListSubscriptionsByTopic",
    "CreatePlatformApplication",
    "CreatePlatformEndpoint",
    "GetEndpointAttributes",
    "SetEndpointAttributes",
    "DeleteEndpoint",
];

/// The rights that a request needs; none if the operation is not served.
pub(crate) fn rights(operation: &str, request: &Value) -> Vec<Right> {
    let on = |action: &str, resource: &str| vec![Right::new(format!("sns:{action}"), resource)];
    let named = |field: &str| request[field].as_str().unwrap_or_default();
    match operation {
        "ListTopics" | "ListSubscriptions" | "CreatePlatformApplication" => on(operation, "*"),
        "CreatePlatformEndpoint" => on(operation, named("PlatformApplicationArn")),
        "GetEndpointAttributes" | "SetEndpointAttributes" | "DeleteEndpoint" => on(operation, named("EndpointArn")),
        // A phone has no ARN. Only a policy for all resources, or for all but some, lets its holder send to one.
        "Publish" if request["PhoneNumber"].is_string() => on(operation, "*"),
        "Publish" if !request["TopicArn"].is_string() => on(operation, named("TargetArn")),
        "PublishBatch" => on("Publish", named("TopicArn")),
        known if OPERATIONS.contains(&known) => on(known, named("TopicArn")),
        _ => Vec::new(),
    }
}

type Answered = Result<Value, Failure>;

/// SNS, as SDKs see it.
#[derive(Debug)]
pub(crate) struct Sns {
    /// The topics.
    pub(crate) topics: Arc<Topics>,
    /// The devices.
    pub(crate) platforms: Platforms,
    /// The place where messages to devices and phones go.
    pub(crate) outbox: Arc<Outbox>,
}

impl Sns {
    /// Answers an operation.
    pub(crate) fn answer(&self, operation: &str, request: &Value) -> Response {
        let answered = match operation {
            "Publish" => self.publish(request),
            "PublishBatch" => self.publish_batch(request),
            "ListTopics" => Ok(self.list()),
            "GetTopicAttributes" => self.attributes(request),
            "ListSubscriptions" => Ok(subscriptions(self.topics.all())),
            "ListSubscriptionsByTopic" => self.topic(request).map(|topic| subscriptions([topic])),
            "CreatePlatformApplication" => self.create_application(request),
            "CreatePlatformEndpoint" => self.create_endpoint(request),
            "GetEndpointAttributes" => self.endpoint_attributes(request),
            "SetEndpointAttributes" => self.set_endpoint_attributes(request),
            "DeleteEndpoint" => self.delete_endpoint(request),
            other => {
                Err(Failure::new("InvalidAction", format!("the local stack serves no operation {other:?} of SNS")))
            }
        };
        match answered {
            Ok(answer) => query::result(NAMESPACE, operation, &answer),
            Err(failure) => ERRORS.response(&failure),
        }
    }

    /// The topic that a request names.
    fn topic(&self, request: &Value) -> Result<&Topic, Failure> {
        self.topic_of(request["TopicArn"].as_str().unwrap_or_default())
    }

    fn topic_of(&self, arn: &str) -> Result<&Topic, Failure> {
        let parts = arn.split(':').count();
        if parts < ARN_PARTS {
            let why = format!("TopicArn Reason: An ARN must have at least {ARN_PARTS} elements, not {parts}");
            return Err(Failure::parameter(&why));
        }
        self.topics.declared(arn).ok_or_else(Failure::no_topic)
    }

    fn publish(&self, request: &Value) -> Answered {
        match target(request)? {
            Target::Topic(arn) => self.publish_to(arn, request),
            Target::Endpoint(arn) => self.push(arn, request),
            Target::Phone(number) => self.sms(number, request),
        }
    }

    fn publish_to(&self, arn: &str, request: &Value) -> Answered {
        let (notice, length) = notice(request, LAMBDA)?;
        if length > SIZE_LIMIT {
            return Err(Failure::parameter("Message too long"));
        }
        let topic = self.topic_of(arn)?;
        Ok(json!({ "MessageId": self.topics.publish(topic, &notice)? }))
    }

    /// Publishes a batch. A wrong entry fails the whole batch, as on AWS; a single entry fails only inside the service.
    fn publish_batch(&self, request: &Value) -> Answered {
        let (topic, entries) = (self.topic(request)?, entries(request)?);
        let read =
            entries.into_iter().map(|(id, entry)| notice(entry, LAMBDA).map(|(notice, length)| (id, notice, length)));
        let read: Vec<(&str, Notice, usize)> = read.collect::<Result<_, _>>()?;
        if read.iter().map(|(_, _, length)| length).sum::<usize>() > SIZE_LIMIT {
            let message = "The length of all the messages put together is more than the limit.";
            return Err(Failure::new("BatchRequestTooLong", message));
        }
        let (mut published, mut failed) = (Vec::new(), Vec::new());
        for (id, notice, _) in read {
            match self.topics.publish(topic, &notice).map_err(Failure::from) {
                Ok(message) => published.push(json!({ "Id": id, "MessageId": message })),
                Err(failure) => failed.push(ERRORS.entry(id, &failure)),
            }
        }
        Ok(json!({ "Successful": { "member": published }, "Failed": { "member": failed } }))
    }

    fn list(&self) -> Value {
        let topics = self.topics.all().map(|topic| json!({ "TopicArn": topic.arn }));
        json!({ "Topics": { "member": topics.collect::<Vec<_>>() } })
    }

    fn attributes(&self, request: &Value) -> Answered {
        let topic = self.topic(request)?;
        let attributes = [
            ("TopicArn", topic.arn.clone()),
            ("Owner", ACCOUNT.to_owned()),
            ("DisplayName", topic.display_name.clone()),
            ("SubscriptionsConfirmed", topic.subscriptions.len().to_string()),
            ("SubscriptionsPending", "0".to_owned()),
            ("SubscriptionsDeleted", "0".to_owned()),
        ];
        let entries = attributes.map(|(key, value)| json!({ "key": key, "value": value }));
        Ok(json!({ "Attributes": { "entry": entries } }))
    }
}

fn subscriptions<'a>(topics: impl IntoIterator<Item = &'a Topic>) -> Value {
    let told = topics.into_iter().flat_map(|topic| {
        topic.subscriptions.iter().map(|subscription| {
            json!({
                "SubscriptionArn": subscription.arn,
                "Owner": ACCOUNT,
                "Protocol": "lambda",
                "Endpoint": subscription.endpoint,
                "TopicArn": topic.arn,
            })
        })
    });
    json!({ "Subscriptions": { "member": told.collect::<Vec<_>>() } })
}

#[cfg(test)]
mod tests;
