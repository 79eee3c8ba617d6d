//! A long content is stored apart from its notification's row, and arrives whole all the same.

use serde_json::{Value, json};

use crate::anywhere::later::{cancel, look, schedule};
use crate::harness::Stack;

/// The length of a long body.
const LONG: usize = 30_000;

/// Goes so many milliseconds ahead, with the queue.
async fn go_ahead(stack: &Stack, milliseconds: i64) {
    stack.set_ahead(milliseconds).await;
    let body = json!({"seconds": milliseconds / 1000 + 1});
    stack.control(reqwest::Method::POST, "queues/DueQueue/advance", Some(body)).await;
}

fn contents(rows: &[Value]) -> usize {
    rows.iter().filter(|row| row["bucket"]["S"].as_str().unwrap().starts_with("content#")).count()
}

async fn body_in_log(stack: &Stack, channel: &str) -> String {
    let rows = stack.log_rows(channel).await;
    let content: Value = serde_json::from_str(rows.last().unwrap()["content"]["S"].as_str().unwrap()).unwrap();
    content["body"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sweep_reads_nothing_of_what_long_notifications_say_and_they_come_whole() {
    const COUNT: usize = 20;
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    stack.sweep().await;
    let body = |n: usize| format!("{n}{}", "x".repeat(LONG));
    let mut ids = Vec::new();
    for n in 0..COUNT {
        let to = format!("user:u{n}");
        ids.push(schedule(&stack, &json!({"to": to, "body": body(n), "delay": "185s"})).await.0);
    }
    let never = schedule(&stack, &json!({"to": "user:never", "body": body(0), "delay": "185s"})).await.0;
    assert_eq!(cancel(&stack, &never).await.0, 200);
    let rows = stack.all_rows("Schedule").await;
    assert_eq!(contents(&rows), COUNT + 1);
    assert!(rows.iter().filter(|row| row["apart"]["BOOL"] == true).all(|row| row["content"].is_null()));
    assert_eq!(stack.queued("DueQueue").await, 0, "all of it is the sweeper's");

    stack.set_ahead(60_000).await;
    stack.forget_calls().await;
    stack.sweep().await;
    assert_eq!(stack.queued("DueQueue").await, COUNT as u64);
    let read: f64 = stack
        .calls()
        .await
        .iter()
        .filter(|call| call["function"] == "Sweeper" && call["operation"] == "Query")
        .map(|call| call["read_units"].as_f64().unwrap())
        .sum();
    // With what they say, each row would be eight units.
    assert!(read < 3.0 * COUNT as f64, "{read} units");

    go_ahead(&stack, 190_000).await;
    for (n, id) in ids.iter().enumerate() {
        stack.until("it is sent", || async { look(&stack, id).await["state"] == "sent" }).await;
        assert_eq!(body_in_log(&stack, &format!("user:u{n}")).await, body(n));
    }
    assert_eq!(look(&stack, &never).await["state"], "cancelled");
}

#[tokio::test]
async fn a_series_of_long_notifications_goes_on() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    let body = "x".repeat(LONG);
    schedule(&stack, &json!({"to": "user:alice", "body": body, "repeat": "* * * * *"})).await;
    for count in 1..=2 {
        go_ahead(&stack, i64::try_from(count).unwrap() * 60_000).await;
        stack.until("it is sent", || async { stack.seqs("user:alice").await.len() == count }).await;
        assert_eq!(body_in_log(&stack, "user:alice").await, body);
    }
}
