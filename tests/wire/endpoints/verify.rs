//! The official libraries of Standard Webhooks verify what a receiver got.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Received, Receiver, Stack, errors, npm_install, python, root};

const CHANNEL: &str = "topic:builds";

/// The question to a library: to verify this, with one of the secrets.
fn question(received: &Received, secret: &str, change: Option<&str>) -> Value {
    let names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
    let headers: serde_json::Map<_, _> =
        names.into_iter().map(|name| (name.to_owned(), json!(received.header(name)))).collect();
    json!({"secret": secret, "headers": headers, "body": String::from_utf8_lossy(&received.body), "change": change})
}

/// The answer of a program to each question.
fn ask(program: &Path, script: &str, questions: &[Value]) -> Vec<String> {
    let mut process = Command::new(program)
        .arg(root().join("tests/webhooks").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors())
        .spawn()
        .unwrap();
    let mut input = process.stdin.take().unwrap();
    for question in questions {
        writeln!(input, "{question}").unwrap();
    }
    drop(input);
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}");
    String::from_utf8(output.stdout).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn the_official_libraries_accept_what_is_signed_before_during_and_after_a_rotation_and_nothing_else() {
    let Some(stack) = Stack::start_with_clock(&LOOPBACK).await else { return };
    let receiver = Receiver::start().await;
    let (id, first) = stack.add_webhook(CHANNEL, &receiver.url).await;
    let send = async |body: &str, count| {
        stack.post(&json!({"to": CHANNEL, "body": body, "data": {"ü": "…"}})).await;
        receiver.wait_for(count, PATIENCE).await.pop().unwrap()
    };
    let before = send("before", 1).await;
    let rotated = stack.do_with_endpoint(CHANNEL, &id, "rotate", None).await;
    let second = rotated["secret"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    let during = send("during", 2).await;
    // A day later only the new one counts. The libraries live in the machine's time, so that the signature is looked at, and
    // not its time.
    stack.set_ahead(24 * 3_600_000 + 60_000).await;
    let after = send("after", 3).await;
    assert!(!after.header("webhook-signature").contains(' '), "one signature");
    let in_time = |mut question: Value| {
        question["ahead"] = json!(24 * 3600 + 60);
        question
    };

    let good = [
        question(&before, &first, None),
        question(&during, &first, None),
        question(&during, &second, None),
        in_time(question(&after, &second, None)),
    ];
    let bad = [
        question(&before, &second, None),
        question(&before, &first, Some("byte")),
        question(&before, &first, Some("late")),
        question(&during, &second, Some("byte")),
        in_time(question(&after, &first, None)),
        question(&after, &second, None),
    ];
    let questions = [&good[..], &bad].concat();
    let tried = tokio::task::spawn_blocking(move || {
        let python = python("webhooks");
        let folder = root().join("tests/webhooks");
        let node = npm_install(&folder);
        assert!(node || std::env::var_os("CI").is_none(), "standardwebhooks could not be installed with npm");
        let said = [
            python.map(|python| ask(&python, "verify.py", &questions)),
            node.then(|| ask(Path::new("node"), "verify.mjs", &questions)),
        ];
        said.into_iter().flatten().collect::<Vec<_>>()
    });
    for said in tried.await.unwrap() {
        let (accepted, refused) = said.split_at(good.len());
        assert!(accepted.iter().all(|word| word == "ok"), "{said:?}");
        assert!(refused.len() == bad.len() && refused.iter().all(|word| word != "ok"), "{said:?}");
    }
}
