//! The costs that one user can cause others: each has a bound.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{PATIENCE, Stack, in_an_hour};

/// So many bytes a notification: eight units to read.
const LARGE: usize = 30_000;

/// An hour's allowance of 1 MB, in read units.
const AN_HOUR: f64 = 256.0;

/// The cost of one function's calls of DynamoDB since they were forgotten: read units, and write units.
async fn spent(stack: &Stack, function: &str) -> (f64, f64) {
    let calls = stack.calls().await;
    let of = |call: &&Value| call["function"] == function && call["service"] == "dynamodb";
    let sum = |units: &str| calls.iter().filter(of).map(|call| call[units].as_f64().unwrap()).sum();
    (sum("read_units"), sum("write_units"))
}

/// Writes rows of a table as they are.
async fn fill(stack: &Stack, table: &str, rows: Vec<Value>) {
    let table = stack.table(table).await;
    for batch in rows.chunks(25) {
        let puts: Vec<Value> = batch.iter().map(|row| json!({"PutRequest": {"Item": row}})).collect();
        stack.dynamodb("BatchWriteItem", &json!({"RequestItems": {&table: puts}})).await;
    }
}

/// A row of a log that lives for long.
fn notification(channel: &str, seq: usize, bytes: usize) -> Value {
    json!({
        "channel": {"S": channel}, "seq": {"N": seq.to_string()}, "v": {"N": "1"}, "id": {"S": format!("id-{seq}")},
        "sent_at": {"N": "1700000000000"}, "content": {"S": json!({"body": "x".repeat(bytes)}).to_string()},
        "expires_at": {"N": (in_an_hour() + 500_000).to_string()}, "starts": {"BOOL": seq == 1}, "fleeting": {"N": "0"},
    })
}

fn subscribe(channel: &str, after: u64) -> Value {
    json!({"action": "subscribe", "channel": channel, "after": after})
}

/// Says when all that mallory has read is paid for.
async fn set_paid_at(stack: &Stack, paid_at: u64) {
    let row = json!({"key": {"S": "allowance#mallory"}, "paid_at": {"N": paid_at.to_string()}, "v": {"N": "1"}});
    stack.dynamodb("PutItem", &json!({"TableName": stack.table("Once").await, "Item": row})).await;
}

fn now() -> u64 {
    (in_an_hour() - 3600) * 1000
}

#[tokio::test]
async fn a_user_replays_as_much_as_an_hour_allows_and_then_waits() {
    let stack = Stack::start_with(&["--parameter", "ReplayMegabytesPerHour=1"]).await;
    let rows = |channel: &str| (1..=12).map(|seq| notification(channel, seq, LARGE)).collect();
    fill(&stack, "Notifications", rows("user:mallory")).await;
    fill(&stack, "Notifications", rows("user:bob")).await;
    let mut mallory = stack.connect("mallory").await;
    stack.forget_calls().await;
    let mut frames = 0;
    let refused = loop {
        let (items, answer) = mallory.ask(subscribe("user:mallory", 0)).await;
        if answer["type"] == "error" {
            assert_eq!(items, Vec::<Value>::new());
            break answer;
        }
        assert_eq!((items.len(), &answer["seq"]), (9, &json!(9)), "{answer}");
        frames += 1;
        assert!(frames < 10, "nobody refuses");
    };
    assert_eq!(refused["code"], "too_many_replays", "{refused}");
    let wait = refused["retry_after"].as_u64().unwrap();
    assert!((1..3600).contains(&wait), "{refused}");
    let (read, _) = spent(&stack, "Message").await;
    // The last one may go below nothing by as much as it reads, and each reads some units that are free.
    assert!((AN_HOUR..AN_HOUR + 130.0 + 20.0 * f64::from(frames)).contains(&read), "{read} units in {frames} frames");

    // A refusal costs less than what is free, on another connection too: half a unit, the home, and the newest row of the log, which
    // says whether the reader has all of it.
    let mut second = stack.connect("mallory").await;
    stack.forget_calls().await;
    for _ in 0..10 {
        for socket in [&mut mallory, &mut second] {
            assert_eq!(socket.ask(subscribe("user:mallory", 0)).await.1["code"], "too_many_replays");
        }
    }
    let (read, write) = spent(&stack, "Message").await;
    assert!(read <= 20.0 * 11.0 && write < 0.5, "{read} read units and {write} write units for 20 refusals");

    let token = stack.token(&json!({"sub": "mallory"}));
    let mark = json!({"seq": 3}).to_string();
    for (method, path, body) in [
        (Method::GET, "/v1/notifications?channel=user:mallory:0", None),
        (Method::GET, "/v1/channels/user:mallory", None),
        (Method::POST, "/v1/channels/user:mallory/read", Some(mark)),
    ] {
        let answer = stack.call(method, path, Some(&token), &[], body).await;
        assert_eq!((answer.status, &answer.body["code"]), (429, &json!("too_many_replays")), "{path}: {answer:?}");
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..3600).contains(&wait), "{path}");
    }
    assert_eq!(
        mallory.ask(json!({"action": "read", "channel": "user:mallory", "seq": 3})).await.1["code"],
        "too_many_replays"
    );

    // A reader who has everything is answered, and pushes go on. Nobody else notices.
    let (items, answer) = mallory.ask(subscribe("user:mallory", 12)).await;
    assert_eq!((items.len(), &answer["type"], &answer["seq"]), (0, &json!("subscribed"), &json!(12)), "{answer}");
    let mut bob = stack.connect("bob").await;
    assert_eq!(bob.ask(subscribe("user:bob", 0)).await.0.len(), 9);
    stack.send("user:mallory", "news").await;
    assert_eq!(mallory.item().await["seq"], 13);

    // When enough has become free, the same question is answered.
    set_paid_at(&stack, now() + 3_600_000 + 2_000).await;
    let (_, refused) = mallory.ask(subscribe("user:mallory", 12)).await;
    let wait = refused["retry_after"].as_u64().unwrap();
    assert!(wait <= 4, "{refused}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_eq!(mallory.ask(subscribe("user:mallory", 12)).await.1["type"], "subscribed");
}

#[tokio::test]
async fn who_comes_back_after_a_weekend_is_not_refused_and_who_was_away_for_long_pays_once() {
    let stack = Stack::start().await;
    let channels: Vec<String> = (0..50).map(|n| format!("topic:{n}")).collect();
    for channel in &channels {
        fill(&stack, "Notifications", (1..=100).map(|seq| notification(channel, seq, 1_000)).collect()).await;
    }
    let mut alice = stack.connect_with(&json!({"sub": "alice", "subscribe": ["topic:*"], "channels": channels})).await;
    // After a short absence nothing is written: 64 KB are free.
    stack.forget_calls().await;
    for channel in &channels {
        let (items, answer) = alice.ask(subscribe(channel, 60)).await;
        assert_eq!((items.len(), &answer["type"]), (40, &json!("subscribed")), "{answer}");
    }
    assert_eq!(spent(&stack, "Message").await.1, 0.0, "write units");
    stack.forget_calls().await;
    for channel in &channels {
        let (items, answer) = alice.ask(subscribe(channel, 0)).await;
        assert_eq!((items.len(), &answer["type"]), (100, &json!("subscribed")), "{answer}");
    }
    assert_eq!(spent(&stack, "Message").await.1, 50.0, "one write unit each");
    let token = stack.token(&json!({"sub": "alice", "subscribe": ["topic:*"]}));
    for group in channels.chunks(10) {
        let query = group.iter().map(|name| format!("channel={name}:0")).collect::<Vec<_>>().join("&");
        let answer = stack.call(Method::GET, &format!("/v1/notifications?{query}"), Some(&token), &[], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn one_connection_too_many_closes_the_oldest_which_learns_why() {
    let stack = Stack::start_with(&["--parameter", "ConnectionsPerUser=3"]).await;
    let guest = json!({"sub": "agent", "subscribe": ["user:*"], "channels": ["user:alice"]});
    let mut agent = stack.connect_with(&guest).await;
    let mut bob = stack.connect("bob").await;
    let mut oldest = stack.connect("alice").await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(stack.connect("alice").await);
    }
    let told = oldest.next().await;
    assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("too_many_connections")), "{told}");
    assert!(told["detail"].as_str().unwrap().contains("more than 3 live connections"), "{told}");
    assert!(oldest.next_or_close().await.is_err(), "it is closed");
    let left = || async { stack.channel("user:alice").await["connections"] == 3 };
    stack.until("three are left", left).await;
    stack.send("user:alice", "to all three, and to who reads along").await;
    for socket in others.iter_mut().chain([&mut agent]) {
        assert_eq!(socket.item().await["seq"], 1);
    }
    assert_eq!(bob.ask(subscribe("user:bob", 0)).await.1["type"], "subscribed");
}

#[tokio::test]
async fn however_many_open_at_once_few_are_left() {
    let stack = Stack::start_with(&["--parameter", "ConnectionsPerUser=3"]).await;
    let opening = (0..12).map(|_| stack.connect("alice"));
    let _opened = futures_util::future::join_all(opening).await;
    // Those that were still opening when they were to be closed are closed for the next one.
    let _one_more = stack.connect("alice").await;
    let left = || async { stack.channel("user:alice").await["connections"] == 3 };
    stack.until_within(PATIENCE, "three are left", left).await;
}

/// A connection's row in an inbox.
fn connection(channel: &str, nth: usize, more: Value) -> Value {
    let mut row = json!({
        "channel": {"S": channel}, "subscriber": {"S": format!("{:04x}connection{nth:06}=", nth % 65_536)}, "v": {"N": "1"},
        "connected_at": {"N": now().to_string()}, "ends_at": {"N": in_an_hour().to_string()},
        "expires_at": {"N": (in_an_hour() + 3600).to_string()},
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

#[tokio::test]
async fn a_channel_is_counted_without_reading_all_that_does_not_count() {
    let stack = Stack::start().await;
    let ended = json!({"expires_at": {"N": (in_an_hour() - 10_000).to_string()}});
    let guest = json!({"guest": {"BOOL": true}});
    let crowded =
        |nth: usize| connection("user:crowded", nth, if nth.is_multiple_of(2) { ended.clone() } else { guest.clone() });
    fill(&stack, "Subscribers", (0..5_000).map(crowded).collect()).await;
    fill(&stack, "Subscribers", (0..1_500).map(|nth| connection("topic:busy", nth, json!({}))).collect()).await;
    for (channel, connections) in [("user:crowded", 0), ("topic:busy", 1_000)] {
        stack.forget_calls().await;
        assert_eq!(stack.channel(channel).await["connections"], connections, "{channel}");
        let (read, _) = spent(&stack, "Send").await;
        // 2,000 rows of some 200 bytes at half a unit for 4 KB, and what else an answer needs.
        assert!(read <= 60.0, "{channel}: {read} units");
    }
}
