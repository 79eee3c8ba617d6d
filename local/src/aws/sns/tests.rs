use http_body_util::BodyExt;

use super::*;
use crate::topics::tests::topics;

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:t";

fn sns(fault: Option<Value>) -> Sns {
    Sns { topics: Arc::new(topics(fault)) }
}

/// What is answered to a form, and with which status.
async fn call(sns: &Sns, form: &str) -> (u16, String) {
    let request = query::parameters(form.as_bytes());
    let response = sns.answer(request["Action"].as_str().expect("an action"), &request);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body");
    (status, String::from_utf8(body.to_bytes().to_vec()).expect("text"))
}

fn batch(entries: &[(&str, &str)]) -> String {
    let mut form = format!("Action=PublishBatch&TopicArn={ARN}");
    for (number, (id, message)) in entries.iter().enumerate() {
        let entry = format!("PublishBatchRequestEntries.member.{}", number + 1);
        form.push_str(&format!("&{entry}.Id={id}&{entry}.Message={message}"));
    }
    form
}

#[tokio::test]
async fn a_message_is_published() {
    let sns = sns(None);
    for target in ["TopicArn", "TargetArn"] {
        let (status, answer) = call(&sns, &format!("Action=Publish&{target}={ARN}&Message=hello")).await;
        assert_eq!(status, 200);
        assert!(answer.contains("<PublishResult><MessageId>"), "{answer}");
    }
    assert_eq!(sns.topics.describe()[0]["published"], 2);
}

#[tokio::test]
async fn what_sns_would_refuse_is_refused() {
    let sns = sns(None);
    let long = "x".repeat(SIZE_LIMIT + 1);
    for (form, status, code) in [
        ("Action=Publish&Message=m".to_owned(), 400, "InvalidParameter"),
        ("Action=Publish&Message=m&TopicArn=t".to_owned(), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}"), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}&Message={long}"), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}x&Message=m"), 404, "NotFound"),
        (batch(&[]), 400, "EmptyBatchRequest"),
        (batch(&[("a", "m"), ("a", "m")]), 400, "BatchEntryIdsNotDistinct"),
        (batch(&[("a", &long[..SIZE_LIMIT]), ("b", "m")]), 400, "BatchRequestTooLong"),
        (batch(&[("a", "m"), ("b", "")]), 400, "InvalidParameter"),
        (format!("Action=GetTopicAttributes&TopicArn={ARN}x"), 404, "NotFound"),
        (format!("Action=ListSubscriptionsByTopic&TopicArn={ARN}x"), 404, "NotFound"),
        ("Action=CreateTopic&Name=t".to_owned(), 400, "InvalidAction"),
    ] {
        let (told, answer) = call(&sns, &form).await;
        assert_eq!(told, status, "{answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
    }
    assert_eq!(sns.topics.describe()[0]["published"], 0);
}

#[tokio::test]
async fn a_batch_may_fail_in_part() {
    let sns = sns(Some(json!({"on": "topic.T", "skip": 1, "do": {"error": "InternalError"}})));
    let (status, answer) = call(&sns, &batch(&[("a", "m"), ("b", "m"), ("c", "m")])).await;
    assert_eq!(status, 200);
    for part in ["<Id>a</Id><MessageId>", "<Id>c</Id><MessageId>", "<Code>InternalError</Code><Id>b</Id>"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert!(answer.contains("<SenderFault>false</SenderFault>"), "{answer}");
    assert_eq!(sns.topics.describe()[0]["published"], 2);
}

#[tokio::test]
async fn topics_and_subscriptions_are_told() {
    let sns = sns(None);
    let told = async |form: String| call(&sns, &form).await.1;
    assert!(told("Action=ListTopics".to_owned()).await.contains(&format!("<TopicArn>{ARN}</TopicArn>")));
    let attributes = told(format!("Action=GetTopicAttributes&TopicArn={ARN}")).await;
    assert!(attributes.contains("<key>SubscriptionsConfirmed</key><value>1</value>"), "{attributes}");
    for form in ["Action=ListSubscriptions".to_owned(), format!("Action=ListSubscriptionsByTopic&TopicArn={ARN}")] {
        let subscriptions = told(form).await;
        assert!(subscriptions.contains("<Endpoint>arn:f</Endpoint>"), "{subscriptions}");
        assert!(subscriptions.contains("<Protocol>lambda</Protocol>"), "{subscriptions}");
    }
}

#[test]
fn a_batch_needs_the_right_of_the_single_operation() {
    let needs = |operation: &str| rights(operation, &json!({"TopicArn": ARN})).pop().map(|it| (it.action, it.resource));
    let publish = Some(("sns:Publish".to_owned(), ARN.to_owned()));
    assert_eq!((needs("Publish"), needs("PublishBatch")), (publish.clone(), publish));
    assert_eq!(needs("ListTopics"), Some(("sns:ListTopics".to_owned(), "*".to_owned())));
    assert_eq!(needs("CreateTopic"), None);
}
