//! The command-line client, as a person uses it.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::harness::{Proxy, Stack, binaries, home};

fn tidings(stack: &Stack, arguments: &[&str]) -> Command {
    arguments.iter().filter(|word| !word.starts_with("--")).for_each(|word| stack.said.text(word));
    let mut command = Command::new(binaries().join("tidings"));
    command
        .args(arguments)
        .env_remove("TIDINGS_TOKEN")
        .env_remove("TIDINGS_SECRET")
        .env("HOME", home())
        .env("TIDINGS_HTTP", &stack.http)
        .env("TIDINGS_WEBSOCKET", &stack.websocket)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn says(stack: &Stack, arguments: &[&str]) -> String {
    let output = tidings(stack, arguments).output().await.unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

struct Listening {
    lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl Listening {
    async fn start(stack: &Stack, websocket: &str, arguments: &[&str]) -> Self {
        let mut command = tidings(stack, &[&["listen", "--json"], arguments].concat());
        let mut process =
            command.env("TIDINGS_WEBSOCKET", websocket).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { lines, _process: process }
    }

    async fn line(&mut self) -> Value {
        let line = tokio::time::timeout(std::time::Duration::from_secs(30), self.lines.next_line()).await;
        serde_json::from_str(&line.expect("nothing is printed").unwrap().expect("it has ended")).unwrap()
    }
}

#[tokio::test]
async fn what_is_sent_is_printed_by_who_listens() {
    let stack = Stack::start().await;
    let mut listening = Listening::start(&stack, &stack.websocket, &["--sub", "alice", "topic:news"]).await;
    let sent = says(&stack, &["send", "user:alice", "topic:news", "--title", "Hello", "--data", "{\"n\":1}"]).await;
    assert!(sent.contains("user:alice #1") && sent.contains("topic:news #1"), "{sent}");
    let mut channels = Vec::new();
    for _ in 0..2 {
        let line = listening.line().await;
        assert_eq!((&line["title"], &line["data"], &line["seq"]), (&json!("Hello"), &json!({"n": 1}), &json!(1)));
        channels.push(line["channel"].as_str().unwrap().to_owned());
    }
    channels.sort();
    assert_eq!(channels, ["topic:news", "user:alice"]);
    let state: Value = serde_json::from_str(&says(&stack, &["channel", "user:alice", "--json"]).await).unwrap();
    assert_eq!((&state["seq"], &state["unread"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_listener_that_is_cut_prints_everything_once_and_in_order() {
    let stack = Stack::start().await;
    let proxy = Proxy::to(&stack.websocket).await;
    let mut listening = Listening::start(&stack, proxy.address(), &["--sub", "alice", "user:alice:0"]).await;
    for n in 1..=60 {
        stack.send("user:alice", &n.to_string()).await;
        if n % 10 == 0 {
            proxy.disconnect();
        }
    }
    for n in 1..=60 {
        assert_eq!(listening.line().await["seq"], n);
    }
}

#[tokio::test]
async fn lines_of_standard_input_are_sent_one_by_one() {
    let stack = Stack::start().await;
    let mut sending =
        tidings(&stack, &["send", "topic:log"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = sending.stdin.take().unwrap();
    input.write_all(b"first line\n{\"title\": \"second\"}\n").await.unwrap();
    drop(input);
    assert!(sending.wait().await.unwrap().success());
    assert_eq!(stack.seqs("topic:log").await, [1, 2]);
}

#[tokio::test]
async fn a_minted_token_opens_what_it_says_and_a_refusal_prints_its_code() {
    let stack = Stack::start().await;
    let token = says(&stack, &["token", "--sub", "alice", "--publish", "topic:*"]).await;
    let allowed = tidings(&stack, &["send", "topic:a", "--body", "x", "--token", token.trim()]).output().await.unwrap();
    assert!(allowed.status.success());
    let refused =
        tidings(&stack, &["send", "user:bob", "--body", "x", "--token", token.trim()]).output().await.unwrap();
    assert!(!refused.status.success());
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("forbidden") && told.contains("user:bob"), "{told}");
    assert!(!told.contains(token.trim()), "a token is never printed back");
}
