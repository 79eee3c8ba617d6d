//! The attributes of a queue.

use serde_json::{Map, Value, json};

use super::super::protocol::Failure;
use crate::{
    queues::Counts,
    template::{Queue, Redrive},
};

/// The requested attributes, all of them as text.
pub(super) fn attributes(queue: &Queue, counts: Counts, asked: &Value) -> Result<Map<String, Value>, Failure> {
    let all = all(queue, counts);
    let mut chosen = Map::new();
    for name in asked.as_array().into_iter().flatten().filter_map(Value::as_str) {
        match all.get(name) {
            _ if name == "All" => return Ok(all),
            Some(value) => {
                chosen.insert(name.to_owned(), value.clone());
            }
            // The attribute exists, and this queue has none.
            None if ["Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId"].contains(&name) => {}
            None => return Err(Failure::new("InvalidAttributeName", format!("Unknown Attribute {name}."))),
        }
    }
    Ok(chosen)
}

fn all(queue: &Queue, counts: Counts) -> Map<String, Value> {
    let texts = [
        ("QueueArn", queue.arn.clone()),
        ("ApproximateNumberOfMessages", counts.visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
        ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
        ("VisibilityTimeout", queue.visibility.as_secs().to_string()),
        ("MessageRetentionPeriod", queue.retention.as_secs().to_string()),
        ("DelaySeconds", queue.delay.as_secs().to_string()),
        ("ReceiveMessageWaitTimeSeconds", queue.wait.as_secs().to_string()),
        ("MaximumMessageSize", super::request::SIZE_LIMIT.to_string()),
    ];
    let mut all: Map<String, Value> = texts.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect();
    if let Some(Redrive { target, limit }) = &queue.redrive {
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": limit });
        all.insert("RedrivePolicy".to_owned(), json!(policy.to_string()));
    }
    if let Some(allow) = &queue.redrive_allow {
        all.insert("RedriveAllowPolicy".to_owned(), json!(json!(allow).to_string()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_tells_what_is_asked_and_knows_nothing_else() {
        let redrive = Some(Redrive { target: "arn:dead".to_owned(), limit: 3 });
        let queue = Queue { redrive, ..Queue::named("q") };
        let counts = Counts { visible: 1, in_flight: 2, delayed: 3 };
        let told = |asked: Value| attributes(&queue, counts, &asked);
        let some = told(json!(["VisibilityTimeout", "ApproximateNumberOfMessagesDelayed", "Policy"]));
        let some = Value::Object(some.expect("known names"));
        assert_eq!(some, json!({"VisibilityTimeout": "30", "ApproximateNumberOfMessagesDelayed": "3"}));
        let all = told(json!(["All"])).expect("a known name");
        assert_eq!(all["RedrivePolicy"], r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":3}"#);
        told(json!(["Colour"])).expect_err("a queue has none");
        assert!(told(Value::Null).expect("nothing").is_empty());
    }
}
