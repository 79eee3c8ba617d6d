//! The event of a topic's message, as SNS writes it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::notice::Notice;
use crate::template::{REGION, Subscription, Topic};

/// The event of a message for a subscription.
pub(super) fn event(topic: &Topic, subscription: &Subscription, id: &str, notice: &Notice, time: Timestamp) -> Value {
    let sns = format!("https://sns.{REGION}.amazonaws.com");
    json!({"Records": [{
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "Sns": {
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": topic.arn,
            "Subject": notice.subject,
            "Message": notice.message,
            "Timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            "SignatureVersion": "1",
            // The local stack signs nothing.
            "Signature": "EXAMPLE",
            "SigningCertUrl": format!("{sns}/SimpleNotificationService-EXAMPLE.pem"),
            "UnsubscribeUrl": format!("{sns}/?Action=Unsubscribe&SubscriptionArn={}", subscription.arn),
            "MessageAttributes": notice.attributes,
        },
    }]})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::tests::topic;

    #[test]
    fn an_event_looks_like_that_of_sns() {
        let (topic, time) = (topic(), "2026-10-25T00:59:59.1Z".parse().expect("a time"));
        let kind = json!({"Type": "String", "Value": "x"});
        let attributes = [("kind".to_owned(), kind.clone())].into_iter().collect();
        let notice = Notice { subject: None, message: "hello".to_owned(), attributes };
        let expected = json!({
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": topic.subscriptions[0].arn,
            "Sns": {
                "Type": "Notification",
                "MessageId": "id",
                "TopicArn": topic.arn,
                "Subject": null,
                "Message": "hello",
                "Timestamp": "2026-10-25T00:59:59.100Z",
                "SignatureVersion": "1",
                "Signature": "EXAMPLE",
                "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-EXAMPLE.pem",
                "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn=arn:aws:sns:us-east-1:123456789012:t:1",
                "MessageAttributes": {"kind": kind},
            },
        });
        assert_eq!(event(&topic, &topic.subscriptions[0], "id", &notice, time), json!({"Records": [expected]}));
    }
}
