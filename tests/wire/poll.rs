//! The cost of a poll, a poll of a log whose rows have expired, and the number of a user's polls that wait at once.

mod places;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::anywhere::poll::{only, poll};
use crate::harness::{Stack, in_an_hour};
use crate::units::{assert_page_has, cost};

/// The cost of polls since the calls were forgotten: requests, read units and write units.
async fn spent(stack: &Stack) -> (usize, f64, f64) {
    let calls = stack.calls().await;
    let calls: Vec<_> =
        calls.iter().filter(|call| call["function"] == "Poll" && call["service"] == "dynamodb").collect();
    let sum = |units: &str| calls.iter().map(|call| call[units].as_f64().unwrap()).sum();
    (calls.len(), sum("read_units"), sum("write_units"))
}

/// Writes rows of a log as they stand in the table, those up to `expired` long past their time.
async fn fill(stack: &Stack, channel: &str, rows: u64, expired: u64) {
    let table = stack.table("Notifications").await;
    let now = in_an_hour() - 3600;
    let row = |seq: u64| {
        let expires_at = if seq <= expired { now - 100_000 + seq } else { now + 500_000 + seq };
        json!({"PutRequest": {"Item": {
            "channel": {"S": channel}, "seq": {"N": seq.to_string()}, "v": {"N": "1"}, "id": {"S": format!("id-{seq}")},
            "sent_at": {"N": "1700000000000"}, "content": {"S": "{\"body\":\"x\"}"},
            "expires_at": {"N": expires_at.to_string()},
        }}})
    };
    let seqs: Vec<u64> = (1..=rows).collect();
    for batch in seqs.chunks(25) {
        let rows: Vec<Value> = batch.iter().map(|seq| row(*seq)).collect();
        stack.dynamodb("BatchWriteItem", &json!({"RequestItems": {&table: rows}})).await;
    }
}

#[tokio::test]
async fn a_waiting_poll_costs_what_the_units_page_says() {
    let stack = Stack::start().await;
    stack.send("topic:news", "x").await;
    poll(&stack, &["topic:news:1".to_owned()], &[]).await;
    stack.forget_calls().await;
    poll(&stack, &["topic:news:1".to_owned()], &[]).await;
    // Half a unit for how much the reader may have read.
    assert_eq!(spent(&stack).await, (2, 1.5, 0.0));
    stack.forget_calls().await;
    let answer = poll(&stack, &["topic:news:1".to_owned()], &[("wait", "20")]).await;
    assert_eq!(only(&answer).1, Vec::<u64>::new());
    let (requests, units, written) = spent(&stack).await;
    // A busy machine looks less often. Two writes take a place to wait in, and give it back.
    assert!((18..=28).contains(&requests) && (8.5..=13.5).contains(&units), "{requests} requests, {units} units");
    assert_eq!(written, 2.0);
    // The read mark, the newest and the oldest that is unread come on top, for `unread`.
    stack.send("user:alice", "x").await;
    stack.forget_calls().await;
    poll(&stack, &["user:alice:1".to_owned()], &[]).await;
    assert_eq!(spent(&stack).await, (5, 4.5, 0.0));
    let rows = [
        ("poll without news", 1.5, 0.0),
        ("poll of an inbox without news", 4.5, 0.0),
        ("long poll of 20 s without news, at most", 13.5, 2.0),
    ];
    assert_page_has(&rows.map(|(name, read, write)| (name, cost(&[], read, write))));
}

#[tokio::test]
async fn expired_rows_are_stepped_over_and_not_read() {
    let stack = Stack::start().await;
    let (all, most) = (3_000, 2_990);
    fill(&stack, "topic:most", all, most).await;
    fill(&stack, "topic:all", all, all).await;

    stack.forget_calls().await;
    let answer = poll(&stack, &["topic:most:0".to_owned()], &[("wait", "20")]).await;
    let channel = only(&answer).0;
    let told = (&channel["seq"], &channel["recovered"], &channel["more"]);
    assert_eq!(told, (&json!(most), &json!(false), &json!(true)), "{channel}");
    let (requests, units, _) = spent(&stack).await;
    assert!(requests <= 19 && units <= 20.5, "{requests} requests, {units} units");
    let answer = poll(&stack, &[format!("topic:most:{most}")], &[]).await;
    assert_eq!(only(&answer).1, (most + 1..=all).collect::<Vec<_>>());
    assert_eq!(only(&answer).0["recovered"], true, "the answer before reported the loss");

    // With nothing left, the server says so, and the reader then waits like anybody at the end of a log.
    let answer = poll(&stack, &["topic:all:0".to_owned()], &[("wait", "20")]).await;
    assert_eq!((&only(&answer).0["seq"], &only(&answer).0["recovered"]), (&json!(all), &json!(false)));
    stack.forget_calls().await;
    let began = Instant::now();
    poll(&stack, &[format!("topic:all:{all}")], &[("wait", "5")]).await;
    let (requests, units, _) = spent(&stack).await;
    assert!(began.elapsed() >= Duration::from_secs(5) && units <= 8.0, "{requests} requests, {units} units");
}
