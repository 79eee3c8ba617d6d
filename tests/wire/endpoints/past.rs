//! Notifications older than an endpoint do not go to it.

use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack};

const CHANNEL: &str = "topic:past";

impl Stack {
    async fn replay_from(&self, id: &str, seq: u64) -> Value {
        self.do_with_endpoint(CHANNEL, id, "replay", Some(json!({ "seq": seq }))).await
    }

    /// Takes from an endpoint's row what rows of earlier releases do not have.
    async fn forget_where_it_was_added(&self, id: &str) {
        let table = self.table("Subscribers").await;
        let mut row = self.endpoint_row(id).await;
        assert!(row.as_object_mut().unwrap().remove("added_after").is_some(), "{row}");
        self.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
    }
}

/// The publisher repeats it under its key, as the contract says: by then the endpoint is there.
#[tokio::test]
async fn what_was_stored_before_an_endpoint_was_added_and_is_pushed_after_that_comes_once_and_no_replay_ends_it() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    receiver.then([Reply::status(500)]);
    let failure = json!({"error": "ValidationException"});
    stack.fault(json!({"on": "dynamodb.Query", "function": "Send", "table": "Subscribers", "do": failure})).await;
    let body = json!({"to": CHANNEL, "body": "x"});
    assert_eq!(stack.post_under("k", &body).await.status, 503);
    stack.assert_faults_fired().await;
    assert_eq!(stack.seqs(CHANNEL).await, [1], "stored, and not pushed");

    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    let sent = stack.post_under("k", &body).await;
    assert_eq!(sent.body["channels"][0]["endpoints"], 1, "{sent:?}");
    receiver.wait_for(1, PATIENCE).await;
    stack.until_waiting(1).await;
    assert_eq!(stack.replay_from(&id, 1).await, json!({"queued": 0, "from": 2, "seq": 1, "more": false}));
    stack.hasten(10).await;
    assert_eq!(receiver.wait_for(2, PATIENCE).await[1].seq(), 1, "its second attempt is made all the same");
}

#[tokio::test]
async fn an_endpoint_of_an_earlier_release_is_replayed_from_when_it_was_added() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    for n in 1..=5 {
        stack.send(CHANNEL, &format!("before {n}")).await;
    }
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    for n in 6..=9 {
        stack.send(CHANNEL, &format!("after {n}")).await;
    }
    receiver.wait_for(4, PATIENCE).await;
    stack.forget_where_it_was_added(&id).await;
    let all = json!({"queued": 4, "from": 6, "seq": 9, "more": false});
    assert_eq!(stack.replay_from(&id, 1).await, all);
    assert_eq!(stack.endpoint_row(&id).await["added_after"], json!({"N": "5"}), "it is looked for once");
    assert_eq!(stack.replay_from(&id, 1).await, all);
    let received = receiver.wait_for(12, PATIENCE).await;
    assert!(received.iter().all(|one| one.seq() > 5), "nothing from before came");
}

#[tokio::test]
async fn a_log_that_started_again_is_replayed_from_when_the_endpoint_was_added() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    for n in 1..=3 {
        stack.send(CHANNEL, &n.to_string()).await;
    }
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    for seq in 1..=3 {
        stack.expire(CHANNEL, seq, 1).await;
    }
    let start = stack.send(CHANNEL, "the log starts again").await;
    assert!(start > 1_700_000_000_000, "{start} is no time in milliseconds");
    // The place behind 3 is what closes the log.
    let all = json!({"queued": 1, "from": 4, "seq": start, "more": false});
    assert_eq!(stack.replay_from(&id, 1).await, all);
    stack.forget_where_it_was_added(&id).await;
    assert_eq!(stack.replay_from(&id, 1).await, all);

    let newer = json!({"kind": "webhook", "url": format!("{}/newer", receiver.url)});
    let newer = stack.add_endpoint(CHANNEL, &newer).await;
    let replayed = stack.replay_from(newer["id"].as_str().unwrap(), 1).await;
    assert_eq!(replayed, json!({"queued": 0, "from": start + 1, "seq": start, "more": false}));
}
