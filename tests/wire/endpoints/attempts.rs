//! Attempts at a webhook that is well, ill, slow, gone.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::json;

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack};

const CHANNEL: &str = "topic:builds";

/// The time in a receiver's headers, in milliseconds of the functions' time.
fn sent_at(headers: &str) -> i64 {
    headers.parse::<i64>().unwrap() * 1000
}

#[tokio::test]
async fn a_webhook_gets_each_notification_with_its_place() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    let body = json!({"to": CHANNEL, "title": "Build", "body": "green", "data": {"n": 1}, "priority": "high"});
    let sent = stack.post(&body).await.body;
    assert_eq!(sent["channels"][0]["endpoints"], 1, "{sent}");
    let received = receiver.wait_for(1, PATIENCE).await;
    let mut item = received[0].json();
    let at = item.as_object_mut().unwrap().remove("sent_at").unwrap();
    assert!(at.as_str().unwrap().ends_with('Z'));
    assert_eq!(
        item,
        json!({"channel": CHANNEL, "seq": 1, "id": sent["id"], "title": "Build", "body": "green", "data": {"n": 1}, "priority": "high"})
    );
    assert_eq!(received[0].header("content-type"), "application/json");
    let attempts = stack.attempts(CHANNEL, &id, 1).await;
    assert_eq!(
        (&attempts[0]["outcome"], &attempts[0]["status"], &attempts[0]["seq"], &attempts[0]["attempt"]),
        (&json!("delivered"), &json!(204), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn a_webhook_gets_data_as_it_was_written() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    stack.add_webhook(CHANNEL, &receiver.url).await;
    let data = r#"{"z":-24.506032561844222,"a":[92838584930183242888,{"$serde_json::private::RawValue":"x"}]}"#;
    let body = Some(format!("{{\"to\":\"{CHANNEL}\",\"data\":{data}}}"));
    let sent = stack.call(Method::POST, "/v1/notifications", Some(&stack.publisher()), &[], body).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let received = String::from_utf8(receiver.wait_for(1, PATIENCE).await[0].body.clone()).unwrap();
    assert!(received.contains(&format!("\"data\":{data}")), "{received}");
}

/// More notifications than one call sends again, and more than the list of attempts has.
#[tokio::test]
async fn a_long_log_is_sent_again_call_by_call() {
    const SENT: usize = 1_020;
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    stack.disable_endpoint(CHANNEL, &id).await;
    stream::iter(0..SENT)
        .for_each_concurrent(8, async |n| {
            assert_eq!(stack.post(&json!({"to": CHANNEL, "data": n})).await.status, 202);
        })
        .await;
    let first = stack.do_with_endpoint(CHANNEL, &id, "replay", Some(json!({"seq": 1}))).await;
    assert_eq!(first, json!({"queued": 1_000, "from": 1, "seq": 1_000, "more": true}));
    receiver.wait_for(1_000, 2 * PATIENCE).await;
    let rest = stack.do_with_endpoint(CHANNEL, &id, "replay", Some(json!({"seq": 1_001}))).await;
    assert_eq!(rest, json!({"queued": 20, "from": 1_001, "seq": 1_020, "more": false}));
    let received = receiver.wait_for(SENT, PATIENCE).await;
    let seqs: BTreeSet<u64> = received.iter().map(crate::harness::Received::seq).collect();
    assert_eq!(seqs, (1..=SENT as u64).collect());
    assert_eq!(stack.endpoint(CHANNEL, &id).await["attempts"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn one_that_fails_twice_and_hangs_gets_it_the_fourth_time_at_the_right_times() {
    let Some(stack) = Stack::start_with_clock(&LOOPBACK).await else { return };
    let receiver = Receiver::start().await;
    receiver.then([Reply::Status(500, None, "no room"), Reply::status(500), Reply::Hang, Reply::status(200)]);
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    stack.stop_sweeps().await;
    stack.post(&json!({"to": CHANNEL, "body": "x"})).await;

    // After 5 s and after 5 min, by the queue.
    stack.attempts(CHANNEL, &id, 1).await;
    stack.until_waiting(1).await;
    assert_eq!(stack.hasten(4).await, 1);
    stack.set_ahead(4_000).await;
    stack.attempts(CHANNEL, &id, 2).await;
    stack.until_waiting(1).await;
    stack.set_ahead(304_000).await;
    stack.hasten(290).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.received().len(), 2, "10 s are left");
    stack.hasten(40).await;
    // After half an hour, by the schedule, which begins when the attempt had hung for 15 s.
    let attempts = stack.attempts(CHANNEL, &id, 3).await;
    assert_eq!(attempts[2]["reason"], "timeout", "{attempts:?}");
    assert!((15_000..20_000).contains(&attempts[2]["latency_ms"].as_u64().unwrap()), "{attempts:?}");
    assert_eq!((stack.waiting().await, receiver.received().len()), (0, 3));
    stack.set_ahead(304_000 + 34 * 60_000).await;
    stack.sweep().await;
    let received = receiver.wait_for(4, PATIENCE).await;

    let times: Vec<i64> = received.iter().map(|one| sent_at(one.header("webhook-timestamp"))).collect();
    let pauses: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // With up to a tenth of jitter, what this test's clock skips, and the time in which the third one hung.
    for (pause, least, most) in
        [(pauses[0], 4_000, 12_000), (pauses[1], 299_000, 360_000), (pauses[2], 1_800_000, 2_130_000)]
    {
        assert!((least..most).contains(&pause), "{pauses:?}");
    }
    let ids: Vec<&str> = received.iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "one message has one id: {ids:?}");
    let attempts = stack.attempts(CHANNEL, &id, 4).await;
    let told: Vec<_> = attempts.iter().map(|one| (one["attempt"].as_u64().unwrap(), one["status"].as_u64())).collect();
    assert_eq!(told, [(1, Some(500)), (2, Some(500)), (3, None), (4, Some(200))]);
    assert_eq!(attempts[0]["answer"], "no room");
    assert_eq!(stack.endpoint(CHANNEL, &id).await["state"], "active");
}
