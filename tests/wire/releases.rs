//! Two releases side by side: what one of them has written and the other cannot read holds nobody else up.
//!
//! Rows and messages of version 2 stand for the other release.

use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::later::{look, now, schedule};
use crate::endpoints::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Stack, in_an_hour};
use crate::schedule::rows::{make_due, row};

const MINUTE: i64 = 60_000;

/// Puts a row into a table, as a later release would write it.
async fn put_as_later(stack: &Stack, table: &str, mut row: Value) {
    row["v"] = json!({"N": "2"});
    let table = stack.table(table).await;
    stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
}

#[tokio::test]
async fn a_connection_that_cannot_be_read_is_an_error_for_the_sender_once_all_others_have_been_pushed_to() {
    let stack = Stack::start().await;
    let claims = json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:news"]});
    let mut alice = stack.connect_with(&claims).await;
    let own = stack.rows("Subscribers").await.into_iter().find(|row| row["channel"]["S"] == "topic:news").unwrap();
    let mut other = own.clone();
    other["subscriber"] = json!({"S": "0000a-later-one="});
    other.as_object_mut().unwrap().remove("connected_at");
    put_as_later(&stack, "Subscribers", other.clone()).await;
    let body = json!({"to": "topic:news", "body": "x"});
    assert_eq!(stack.post_under("k", &body).await.status, 503);
    assert_eq!(alice.item().await["body"], "x");
    other["expires_at"] = json!({"N": (in_an_hour() - 3601).to_string()});
    put_as_later(&stack, "Subscribers", other).await;
    assert_eq!(stack.post_under("k", &body).await.status, 202, "its connection is gone by now");
    assert_eq!(stack.seqs("topic:news").await, [1]);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_read_is_an_error_for_senders_and_can_be_removed() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    let (id, _) = stack.add_webhook("topic:news", &receiver.url).await;
    let own = stack.rows("Subscribers").await.into_iter().find(|row| row["id"]["S"] == id.as_str()).unwrap();
    // The next of the same owner's ten places.
    let later = format!("{}9{}", &id[..16], &id[17..]);
    let mut other = own.clone();
    other["subscriber"] = json!({"S": format!("~{}", &later[..17])});
    other["id"] = json!({"S": later});
    other["target"] = json!({"M": {"carrier": {"S": "pigeon"}}});
    put_as_later(&stack, "Subscribers", other).await;

    assert_eq!(stack.post(&json!({"to": "topic:news", "body": "x"})).await.status, 503);
    assert_eq!(receiver.wait_for(1, PATIENCE).await[0].json()["body"], "x", "the other endpoint has it");
    let (path, publisher) = ("/v1/channels/topic:news/endpoints", stack.publisher());
    let listed = stack.call(Method::GET, path, Some(&publisher), &[], None).await;
    assert_eq!((listed.status, listed.body["endpoints"].as_array().unwrap().len()), (200, 1));
    stack.add_webhook("topic:news", &receiver.url).await;
    let stranger = stack.token(&json!({"sub": "mallory", "subscribe": ["topic:*"]}));
    for (token, status) in [(&stranger, 503), (&publisher, 204)] {
        let removed = stack.call(Method::DELETE, &format!("{path}/{later}"), Some(token), &[], None).await;
        assert_eq!(removed.status, status, "{removed:?}");
    }
    assert_eq!(stack.post(&json!({"to": "topic:news", "body": "y"})).await.status, 202);
}

#[tokio::test]
async fn a_scheduled_row_that_cannot_be_read_fails_in_time_and_holds_no_other_up() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    let mut strange = Vec::new();
    let spoiled = [json!({"v": {"N": "2"}}), json!({"rounds": {"S": "many"}}), json!({"to": {"S": "nobody"}})];
    for (n, attributes) in spoiled.into_iter().enumerate() {
        let (id, _) = schedule(&stack, &json!({"to": "user:strange", "body": "x", "delay": "1h"})).await;
        strange.push(make_due(&stack, &id, now() + 4 * MINUTE + i64::try_from(n).unwrap(), attributes).await);
    }
    let beside = schedule(&stack, &json!({"to": "user:beside", "body": "x", "delay": "4m"})).await.0;
    for minutes in [2, 4, 12, 30, 47] {
        stack.set_ahead(minutes * MINUTE).await;
        stack.sweep().await;
    }
    stack.until("the one beside is sent", || async { look(&stack, &beside).await["state"] == "sent" }).await;
    let has_failed = async || {
        let mut failed = 0;
        for id in &strange {
            failed += usize::from(row(&stack, id).await["stage"]["S"] == "failed");
        }
        failed == strange.len()
    };
    // One that is handed on in rounds takes its time from each.
    for minutes in [60, 80, 110] {
        stack.set_ahead(minutes * MINUTE).await;
        stack.sweep().await;
    }
    assert!(has_failed().await, "{:?}", stack.rows("Schedule").await);
    stack.sweep().await;
    let progress = stack.rows("Schedule").await.into_iter().find(|row| row["bucket"]["S"] == "sweeper").unwrap();
    assert_eq!(progress["open"]["L"], json!([]), "what has failed holds nothing back");
}

#[tokio::test]
async fn a_sweeper_that_cannot_read_how_far_another_release_came_hands_on_all_the_same() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    let progress = json!({"bucket": {"S": "sweeper"}, "id": {"S": "progress"}, "at": {"S": "somewhere"}});
    put_as_later(&stack, "Schedule", progress).await;
    let id = schedule(&stack, &json!({"to": "user:alice", "body": "x", "delay": "4m"})).await.0;
    for minutes in [2, 4] {
        stack.set_ahead(minutes * MINUTE).await;
        stack.sweep().await;
    }
    stack.until("it is sent", || async { look(&stack, &id).await["state"] == "sent" }).await;
    let rows = stack.rows("Schedule").await;
    let kept = rows.iter().find(|row| row["bucket"]["S"] == "sweeper").unwrap();
    assert_eq!(kept["at"]["S"], "somewhere", "the other release's row is left as it is");
}

#[tokio::test]
async fn a_message_of_a_later_release_goes_back_to_its_queue() {
    let stack = Stack::start().await;
    for queue in ["DueQueue", "SharesQueue", "EndpointsQueue", "SlowEndpointsQueue"] {
        let url = stack.queue_url(queue).await;
        let body = json!({"v": 2, "what": "nobody knows"}).to_string();
        let (status, answer) =
            stack.aws_call("AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
        assert_eq!(status, 200, "{answer}");
    }
    for (queue, dead, function) in [
        ("DueQueue", "DueDeadLetters", "Deliver"),
        ("SharesQueue", "ShareDeadLetters", "Share"),
        ("EndpointsQueue", "EndpointDeadLetters", "Attempt"),
        ("SlowEndpointsQueue", "EndpointDeadLetters", "Attempt"),
    ] {
        let logged = || async { stack.has_logged(&["ERROR", function, "version is 2"]) };
        stack.until("the function logs it", logged).await;
        let left = stack.queue(queue).await;
        let waiting: u64 = ["visible", "in_flight", "delayed"].iter().map(|name| left[name].as_u64().unwrap()).sum();
        assert_eq!((waiting, &stack.queue(dead).await["visible"]), (1, &json!(0)), "{queue}: {left}");
    }
}
