use http_body_util::BodyExt;

use super::*;
use crate::faults::{Faults, Known};

const URL: &str = "http://127.0.0.1:1/123456789012/q";

fn sqs() -> Sqs {
    let faults = Arc::new(Faults::new(Known::default()));
    let queues = Queues::open(None, vec![Queue::named("q")], faults).expect("queues");
    Sqs { queues: Arc::new(queues), address: "http://127.0.0.1:1".to_owned() }
}

async fn call(sqs: &Sqs, operation: &str, mut request: Value) -> Value {
    request["QueueUrl"] = json!(URL);
    let response = sqs.answer(operation, &request, &Caller::default()).await;
    let body = response.into_body().collect().await.expect("a whole body");
    serde_json::from_slice(&body.to_bytes()).expect("JSON")
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let sqs = sqs();
    let sent = call(&sqs, "SendMessage", json!({"MessageBody": "hello"})).await;
    assert_eq!(sent["MD5OfMessageBody"], "5d41402abc4b2a76b9719d911017c592");
    let received = call(&sqs, "ReceiveMessage", json!({"AttributeNames": ["SenderId"]})).await;
    let message = &received["Messages"][0];
    assert_eq!((&message["MessageId"], &message["Body"]), (&sent["MessageId"], &json!("hello")));
    assert_eq!(message["Attributes"]["SenderId"], "123456789012");
    assert_eq!(call(&sqs, "ReceiveMessage", json!({})).await, json!({}));
    let handle = json!({"ReceiptHandle": message["ReceiptHandle"]});
    assert_eq!(call(&sqs, "DeleteMessage", handle.clone()).await, json!({}));
    let gone = call(
        &sqs,
        "ChangeMessageVisibility",
        json!({"VisibilityTimeout": 0, "ReceiptHandle": handle["ReceiptHandle"]}),
    );
    assert!(gone.await["message"].as_str().is_some_and(|text| text.contains("Message does not exist")));
}

#[tokio::test]
async fn a_batch_fails_in_part_or_as_a_whole() {
    let sqs = sqs();
    let entries = json!([
        {"Id": "a", "MessageBody": "one"},
        {"Id": "b", "MessageBody": "two", "DelaySeconds": 1000},
        {"Id": "c", "MessageBody": "three"},
    ]);
    let sent = call(&sqs, "SendMessageBatch", json!({ "Entries": entries })).await;
    let ids = |list: &Value| list.as_array().map(|list| list.iter().map(|it| it["Id"].clone()).collect::<Vec<_>>());
    assert_eq!(ids(&sent["Successful"]), Some(vec![json!("a"), json!("c")]));
    assert_eq!(ids(&sent["Failed"]), Some(vec![json!("b")]));
    assert_eq!(
        (&sent["Failed"][0]["Code"], &sent["Failed"][0]["SenderFault"]),
        (&json!("InvalidParameterValue"), &json!(true))
    );

    let half = "x".repeat(SIZE_LIMIT / 2);
    let entries = json!([{"Id": "a", "MessageBody": half}, {"Id": "b", "MessageBody": format!("{half}x")}]);
    let long = call(&sqs, "SendMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(long["__type"], "com.amazonaws.sqs#BatchRequestTooLong");

    let received = call(&sqs, "ReceiveMessage", json!({"MaxNumberOfMessages": 10})).await;
    let handle = |index: usize| received["Messages"][index]["ReceiptHandle"].clone();
    let entries = json!([{"Id": "x", "ReceiptHandle": handle(0)}, {"Id": "y", "ReceiptHandle": "no handle"}]);
    let deleted = call(&sqs, "DeleteMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(
        (ids(&deleted["Successful"]), &deleted["Failed"][0]["Code"]),
        (Some(vec![json!("x")]), &json!("ReceiptHandleIsInvalid"))
    );
    let entries = json!([{"Id": "x", "ReceiptHandle": handle(1), "VisibilityTimeout": 0}]);
    call(&sqs, "ChangeMessageVisibilityBatch", json!({ "Entries": entries })).await;
    let again = call(&sqs, "ReceiveMessage", json!({"AttributeNames": ["All"]})).await;
    assert_eq!(again["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "2");
}

#[tokio::test]
async fn what_sqs_would_refuse_is_refused() {
    let sqs = sqs();
    for (operation, request, name, says) in [
        ("ReceiveMessage", json!({"WaitTimeSeconds": 21}), "InvalidParameterValueException", "WaitTimeSeconds"),
        ("ReceiveMessage", json!({"MaxNumberOfMessages": 11}), "InvalidParameterValueException", "Value 11"),
        ("DeleteMessage", json!({}), "MissingRequiredParameterException", "ReceiptHandle"),
        ("DeleteMessage", json!({"ReceiptHandle": "x"}), "ReceiptHandleIsInvalid", "\"x\""),
        ("ChangeMessageVisibility", json!({"ReceiptHandle": "x"}), "MissingRequiredParameterException", "Visibility"),
        ("GetQueueUrl", json!({"QueueName": "other"}), "QueueDoesNotExist", "does not exist"),
        ("StartMessageMoveTask", json!({"SourceArn": "arn:q"}), "InvalidParameterValueException", "Dead Letter Queue"),
        ("CreateQueue", json!({}), "UnknownOperationException", "AmazonSQS.CreateQueue"),
    ] {
        let refused = call(&sqs, operation, request).await;
        assert!(refused["__type"].as_str().is_some_and(|it| it.ends_with(&format!("#{name}"))), "{refused}");
        assert!(refused["message"].as_str().is_some_and(|it| it.contains(says)), "{refused}");
    }
}

#[tokio::test]
async fn a_queue_tells_where_it_is_and_how_full() {
    let sqs = sqs();
    let send = json!({"MessageBody": "later", "DelaySeconds": 10});
    call(&sqs, "SendMessage", send).await;
    assert_eq!(call(&sqs, "GetQueueUrl", json!({"QueueName": "q"})).await["QueueUrl"], URL);
    assert_eq!(call(&sqs, "ListQueues", json!({"QueueNamePrefix": "q"})).await["QueueUrls"], json!([URL]));
    let asked = json!({"AttributeNames": ["ApproximateNumberOfMessagesDelayed"]});
    let told = call(&sqs, "GetQueueAttributes", asked.clone()).await;
    assert_eq!(told["Attributes"], json!({"ApproximateNumberOfMessagesDelayed": "1"}));
    call(&sqs, "PurgeQueue", json!({})).await;
    let told = call(&sqs, "GetQueueAttributes", asked).await;
    assert_eq!(told["Attributes"], json!({"ApproximateNumberOfMessagesDelayed": "0"}));
}

#[test]
fn a_batch_needs_the_right_of_the_single_operation() {
    let needs = |operation: &str, request: Value| -> Vec<String> {
        let rights = rights(operation, &request).into_iter();
        rights
            .map(|right| format!("{} {}", right.action, right.resource.rsplit(':').next().unwrap_or_default()))
            .collect()
    };
    let request = json!({"QueueUrl": URL});
    assert_eq!(needs("SendMessage", request.clone()), ["sqs:SendMessage q"]);
    assert_eq!(needs("SendMessageBatch", request.clone()), ["sqs:SendMessage q"]);
    assert_eq!(needs("ChangeMessageVisibilityBatch", request.clone()), ["sqs:ChangeMessageVisibility q"]);
    assert_eq!(needs("CreateQueue", request), [""; 0]);
    let moving = needs("StartMessageMoveTask", json!({"SourceArn": "arn:dead", "DestinationArn": "arn:q"}));
    assert_eq!((moving.len(), moving[4].as_str()), (5, "sqs:SendMessage q"));
}
