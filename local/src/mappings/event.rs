//! The event of a batch of messages, as Lambda writes it.

use serde_json::{Map, Value, json};

use crate::{queues::Message, template::REGION};

/// The event of a batch that comes from the queue of this ARN.
pub(super) fn event(arn: &str, batch: &[Message]) -> Value {
    let records: Vec<Value> = batch.iter().map(|message| record(arn, message)).collect();
    json!({ "Records": records })
}

fn record(arn: &str, message: &Message) -> Value {
    json!({
        "messageId": message.id,
        "receiptHandle": message.handle(),
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": attributes(&message.attributes),
        "md5OfBody": message.digest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    })
}

/// The attributes in Lambda's form: field names with small first letters, and two lists that are always empty.
fn attributes(sent: &Map<String, Value>) -> Map<String, Value> {
    let fields = [("StringValue", "stringValue"), ("BinaryValue", "binaryValue"), ("DataType", "dataType")];
    let attributes = sent.iter().map(|(name, attribute)| {
        let mut written = json!({ "stringListValues": [], "binaryListValues": [] });
        for (there, here) in fields {
            if let Some(value) = attribute.get(there) {
                written[here] = value.clone();
            }
        }
        (name.clone(), written)
    });
    attributes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_lambda_makes_of_a_message() {
        let mut message = Message::sent_at(5, 1);
        message.attributes.insert("kind".to_owned(), json!({ "DataType": "String", "StringValue": "x" }));
        message.receive(9, std::time::Duration::ZERO);
        let event = event("arn:q", &[message.clone()]);
        let expected = json!({
            "messageId": "id-1",
            "receiptHandle": message.handle(),
            "body": "some",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "5",
                "SenderId": "me",
                "ApproximateFirstReceiveTimestamp": "9",
            },
            "messageAttributes": {
                "kind": {"stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String"},
            },
            "md5OfBody": "03d59e663c1af9ac33a9949d1193505a",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:q",
            "awsRegion": "us-east-1",
        });
        assert_eq!(event["Records"], json!([expected]));
    }

    #[test]
    fn a_record_is_no_longer_than_its_message_weighs() {
        let mut message = Message::sent_at(0, u64::MAX);
        message.body = "\"\\\n\té".repeat(1000);
        message.source = Some("x".repeat(150));
        for name in ["a", "b"] {
            message.attributes.insert(name.to_owned(), json!({ "DataType": "String", "StringValue": "\"\"" }));
        }
        message.receive(0, std::time::Duration::ZERO);
        let arn = "x".repeat(150);
        let length = record(&arn, &message).to_string().len();
        assert!(length <= message.weight(), "{length}");
    }
}
