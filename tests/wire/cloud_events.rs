//! Events that the official SDK of CloudEvents writes become notifications, from which it reads the same events.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::anywhere::inbound::publish;
use crate::harness::{Stack, Target, python, root};

/// The answer of the SDK's program to this question, with this input.
async fn ask(python: &Path, question: &'static str, input: &Value) -> String {
    let (python, input) = (python.to_owned(), input.to_string());
    let running = tokio::task::spawn_blocking(move || {
        let mut process = Command::new(python)
            .arg(root().join("tests/cloud-events/events.py"))
            .arg(question)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    });
    let output = running.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn an_event_of_the_official_sdk_is_described_and_can_be_read_again() {
    let install = || python("cloud-events");
    let Some(python) = tokio::task::spawn_blocking(install).await.unwrap() else { return };
    let target = Target::Local(Box::new(Stack::start().await));
    let mut alice = target.connect("alice").await;
    let events: Vec<String> = serde_json::from_str(&ask(&python, "write", &json!(null)).await).unwrap();
    let mut items = Vec::new();
    for event in &events {
        publish(&target, Some("user:alice"), None, event).await;
        items.push(alice.item().await);
    }
    let titles: Vec<_> = items.iter().map(|item| item["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["order.paid", "order.note", "order.label", "order.gone"]);
    assert_eq!(items[0]["body"], "4711\nhttps://shop.example.com/orders");
    assert_eq!(items[1]["body"], "Ring twice");
    let data: Vec<_> = items.iter().map(|item| &item["data"]).collect();
    ask(&python, "read", &json!(data)).await;
}
