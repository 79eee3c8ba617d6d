//! Trouble with one channel, and the other channels that a notification names.

use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::later::{look, schedule};
use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Answer, PATIENCE, Receiver, Socket, Stack};

/// The channel in trouble comes first, so that all others would have to wait for it.
const TO: [&str; 3] = ["topic:hot", "user:alice", "topic:cool"];

/// A stack in which alice listens to her inbox, and a webhook to `topic:cool`.
async fn start() -> (Stack, Socket, Receiver) {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    stack.add_webhook("topic:cool", &receiver.url).await;
    for channel in TO {
        stack.send(channel, "starts the log").await;
    }
    receiver.wait_for(1, PATIENCE).await;
    let alice = stack.connect("alice").await;
    (stack, alice, receiver)
}

/// The channel's trouble: its log cannot be written, or its subscribers cannot be read.
fn troubles(function: &str) -> Vec<Vec<Value>> {
    let rule = |operation: &str, error: &str| {
        json!({"on": format!("dynamodb.{operation}"), "function": function, "mentions": "topic:hot", "times": 0,
               "do": {"error": error}})
    };
    let write = |error: &str| vec![rule("PutItem", error), rule("TransactWriteItems", error)];
    let mut unread = rule("Query", "ValidationException");
    unread["table"] = json!("Subscribers");
    vec![write("ValidationException"), write("ThrottlingException"), vec![unread]]
}

async fn has_fired(stack: &Stack) -> bool {
    let faults = stack.control(Method::GET, "faults", None).await;
    faults.as_array().unwrap().iter().any(|fault| fault["fired"].as_u64() > Some(0))
}

async fn arm(stack: &Stack, trouble: &[Value]) {
    for rule in trouble {
        stack.fault(rule.clone()).await;
    }
}

/// The others have it, and only once where that is promised.
async fn assert_the_others_have_it(stack: &Stack, alice: &mut Socket, receiver: &Receiver, body: &str) {
    assert_eq!(alice.item().await["body"], body, "alice hears of it");
    let received = receiver.wait_for(2, PATIENCE).await;
    assert_eq!(received[1].json()["body"], body);
    assert!(has_fired(stack).await, "nothing was in trouble");
}

#[tokio::test]
async fn a_channel_that_fails_keeps_no_other_of_a_send_from_its_pushes() {
    for key in [None, Some("k")] {
        for trouble in troubles("Send") {
            let (stack, mut alice, receiver) = start().await;
            arm(&stack, &trouble).await;
            let body = json!({"to": TO, "body": "news"});
            let send = async || -> Answer {
                match key {
                    Some(key) => stack.post_under(key, &body).await,
                    None => stack.post(&body).await,
                }
            };
            let refused = send().await;
            assert_eq!(refused.status, 503, "{trouble:?}: {refused:?}");
            assert_the_others_have_it(&stack, &mut alice, &receiver, "news").await;
            stack.control(Method::DELETE, "faults", None).await;
            assert_eq!(send().await.status, 202);
            if key.is_some() {
                for channel in TO {
                    assert_eq!(stack.seqs(channel).await, [1, 2], "once in {channel}, under its key");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_channel_that_fails_keeps_no_other_of_a_scheduled_notification_from_its_pushes() {
    for trouble in troubles("Deliver") {
        let (stack, mut alice, receiver) = start().await;
        arm(&stack, &trouble).await;
        let (id, _) = schedule(&stack, &json!({"to": TO, "body": "due", "delay": "1s"})).await;
        assert_the_others_have_it(&stack, &mut alice, &receiver, "due").await;
        stack.control(Method::DELETE, "faults", None).await;
        stack.until("the rest is sent", || async { look(&stack, &id).await["state"] == "sent" }).await;
        for channel in TO {
            assert_eq!(stack.seqs(channel).await, [1, 2], "once in {channel}");
        }
        assert_eq!(receiver.received().len(), 2, "once at the webhook");
    }
}
