//! Clients and their connections live across invocations.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Stack;

async fn connections(stack: &Stack) -> Value {
    stack.control(Method::GET, "connections", None).await
}

#[tokio::test]
async fn a_hundred_sends_by_one_process_open_no_further_connection() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    let mut alice = stack.connect("alice").await;
    stack.send("user:alice", "warm").await;
    alice.item().await;
    let before = connections(&stack).await;
    assert!(before["dynamodb"].as_u64().unwrap() > 0 && before["management"].as_u64().unwrap() > 0, "{before}");
    for _ in 0..100 {
        stack.send("user:alice", "x").await;
        alice.item().await;
    }
    assert_eq!(connections(&stack).await, before);
    let processes = stack.control(Method::GET, "processes", None).await;
    let sends = processes.as_array().unwrap().iter().filter(|p| p["function"] == "Send").collect::<Vec<_>>();
    assert_eq!((sends.len(), &sends[0]["invocations"]), (1, &json!(101)));
}

#[tokio::test]
async fn after_a_freeze_in_which_its_connections_died_the_next_send_succeeds() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    let mut alice = stack.connect("alice").await;
    stack.send("user:alice", "before").await;
    alice.item().await;
    stack
        .until("the process is frozen", || async {
            let processes = stack.control(Method::GET, "processes", None).await;
            processes.as_array().unwrap().iter().all(|process| process["state"] == "frozen")
        })
        .await;
    stack.control(Method::POST, "drop-idle", None).await;
    // As long as it says: what is tested is that time itself does no harm.
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(stack.send("user:alice", "after").await, 2);
    assert_eq!(alice.item().await["body"], "after");
}
