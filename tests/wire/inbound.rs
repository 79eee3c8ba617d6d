//! A published message arrives once, whatever fails; or is kept, with its fault.

use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::inbound::publish;
use crate::anywhere::poll::{only, poll};
use crate::harness::{Stack, Target, each_resource};

async fn start() -> Target {
    Target::Local(Box::new(Stack::start().await))
}

fn stack(target: &Target) -> &Stack {
    target.stack().unwrap()
}

async fn events(stack: &Stack) -> Vec<Value> {
    stack.control(Method::GET, "events", None).await.as_array().unwrap().clone()
}

/// Has an event that failed tried again at once, until it has failed so often.
async fn until_failed(stack: &Stack, times: u64) {
    let has_failed = |event: &Value| event["state"] == "waiting" && event["failures"] == times;
    stack.until("it has failed", || async { events(stack).await.iter().any(has_failed) }).await;
    stack.control(Method::POST, "events/retry", None).await;
}

#[tokio::test]
async fn what_sns_delivers_twice_comes_once() {
    let target = start().await;
    let stack = stack(&target);
    stack.fault(json!({"on": "topic.Inbound", "do": {"double": true}})).await;
    publish(&target, Some("topic:news"), None, "once").await;
    let both_done = || async { stack.control(Method::GET, "topics", None).await[0]["delivered"] == 2 };
    stack.until("both are delivered", both_done).await;
    assert_eq!(stack.seqs("topic:news").await, [1]);
}

#[tokio::test]
async fn what_fails_is_tried_again_and_comes_once() {
    let target = start().await;
    let stack = stack(&target);
    let mut alice = stack.connect("alice").await;
    // Once before it is stored: so often the SDK tries.
    stack.fault(json!({"on": "dynamodb.TransactWriteItems", "do": {"error": "InternalServerError"}, "times": 3})).await;
    // And once, some, when it is stored and not yet pushed.
    let killed =
        json!({"on": "dynamodb.TransactWriteItems", "function": "Ingest", "do": {"kill": true, "after": true}});
    publish(&target, Some("user:alice"), None, "once").await;
    until_failed(stack, 1).await;
    stack.fault(killed).await;
    publish(&target, Some("topic:other"), None, "wakes the function").await;
    stack
        .until("all is delivered", || async {
            stack.control(Method::POST, "events/retry", None).await;
            events(stack).await.is_empty()
        })
        .await;
    assert_eq!(alice.item().await["body"], "once");
    assert_eq!(stack.seqs("user:alice").await, [1]);
    assert_eq!(stack.seqs("topic:other").await, [1]);
    stack.assert_faults_fired().await;
}

/// Tries what has failed until it is given up, and gives its dead letter.
async fn dead_letter(stack: &Stack) -> Value {
    until_failed(stack, 1).await;
    until_failed(stack, 2).await;
    stack.until("it is given up", || async { events(stack).await.is_empty() }).await;
    let queues = stack.control(Method::GET, "queues", None).await;
    let letters = queues.as_array().unwrap().iter().find(|queue| queue["queue"] == "InboundDeadLetters").unwrap();
    let (_, url) = stack.aws_call("AmazonSQS.GetQueueUrl", &json!({"QueueName": letters["name"]})).await;
    let receive = json!({"QueueUrl": url["QueueUrl"], "MessageAttributeNames": ["All"]});
    let (_, received) = stack.aws_call("AmazonSQS.ReceiveMessage", &receive).await;
    received["Messages"][0].clone()
}

#[tokio::test]
async fn what_is_wrong_is_a_dead_letter_that_says_why_and_holds_all() {
    let target = start().await;
    let stack = stack(&target);
    publish(&target, None, None, r#"{"to": "user:alice", "title": "Typing error", "delya": "5m"}"#).await;
    let letter = dead_letter(stack).await;
    let event: Value = serde_json::from_str(letter["Body"].as_str().unwrap()).unwrap();
    assert!(event["Records"][0]["Sns"]["Message"].as_str().unwrap().contains("Typing error"));
    let why = letter["MessageAttributes"]["ErrorMessage"]["StringValue"].as_str().unwrap();
    // It is logged too, where a name that is not the API's has no place.
    assert!(why.contains("invalid_request, an unknown field"), "{why}");
    assert_eq!(stack.rows("Notifications").await, Vec::<Value>::new());

    // And it holds up nothing that comes after it.
    publish(&target, None, None, "good").await;
    let answer = poll(&target, &["topic:inbound:0".to_owned()], &[("wait", "25")]).await;
    assert_eq!(only(&answer).1, [1]);
}

#[tokio::test]
async fn what_names_its_channel_in_broken_json_is_a_dead_letter_and_no_text_for_others() {
    let target = start().await;
    let stack = stack(&target);
    publish(&target, None, None, r#"{"to": "user:alice", "title": "Hi",}"#).await;
    let letter = dead_letter(stack).await;
    let why = letter["MessageAttributes"]["ErrorMessage"]["StringValue"].as_str().unwrap();
    assert!(why.contains("invalid_json"), "{why}");
    assert_eq!(stack.rows("Notifications").await, Vec::<Value>::new());
}

#[test]
fn services_may_publish_for_the_stacks_own_account_only() {
    let mut services = Vec::new();
    each_resource("AWS::SNS::TopicPolicy", |_, policy| {
        let statements = policy.as_mapping_get("PolicyDocument").unwrap().as_mapping_get("Statement").unwrap();
        for statement in statements.as_vec().unwrap() {
            let Some(names) = statement.as_mapping_get("Principal").unwrap().as_mapping_get("Service") else {
                continue;
            };
            services.extend(names.as_vec().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
            let condition = statement.as_mapping_get("Condition").unwrap().as_mapping_get("StringEquals").unwrap();
            assert!(condition.as_mapping_get("aws:SourceAccount").is_some(), "others' rules would reach every channel");
        }
    });
    let expected = ["budgets", "cloudwatch", "codestar-notifications", "events", "s3"];
    services.sort();
    assert_eq!(services, expected.map(|name| format!("{name}.amazonaws.com")));
}
