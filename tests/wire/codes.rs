//! Each error code that the docs name is one that somebody gets.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::later::{look, schedule};
use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Stack, in_an_hour, receiver_port, root};

/// The codes in the table of docs/reference/errors.md, each with its status.
fn documented() -> BTreeSet<(String, u16)> {
    let docs = std::fs::read_to_string(root().join("docs/reference/errors.md")).unwrap();
    let table = docs.split("\n## Errors\n").nth(1).unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(code, rest)| (code.to_owned(), rest[..3].parse().unwrap())).collect()
}

#[derive(Default)]
struct Seen(BTreeSet<(String, u16)>);

impl Seen {
    fn note(&mut self, code: &Value, status: u16) {
        self.0.insert((code.as_str().unwrap_or_default().to_owned(), status));
    }

    /// One call by a token of these claims.
    async fn call(&mut self, stack: &Stack, method: Method, path: &str, claims: Value, body: Option<&Value>) {
        let (token, body) = (stack.token(&claims), body.map(Value::to_string));
        let answer = stack.call(method, path, Some(&token), &[("Idempotency-Key", "k")], body).await;
        self.note(&answer.body["code"], answer.status);
    }

    async fn send(&mut self, stack: &Stack, body: &Value) {
        let publisher = json!({"sub": "publisher", "publish": ["*"]});
        self.call(stack, Method::POST, "/v1/notifications", publisher, Some(body)).await;
    }
}

/// Refusals of bodies.
async fn bodies(stack: &Stack, seen: &mut Seen) {
    let many: Vec<_> = (0..26).map(|n| format!("topic:{n}")).collect();
    for body in [
        json!([1]),
        json!({"to": "topic:a"}),
        json!({"to": many, "body": "x"}),
        json!({"to": "topic:a", "body": "x".repeat(32_700)}),
        json!({"to": "topic:a", "body": "first"}),
        json!({"to": "topic:a", "body": "second"}),
    ] {
        seen.send(stack, &body).await;
    }
    let large = json!({"more": "x".repeat(5_000)});
    seen.call(stack, Method::POST, "/v1/tickets", json!({"sub": "alice"}), Some(&large)).await;
    let key = stack.post_under(&"k".repeat(256), &json!({"to": "topic:a", "body": "x"})).await;
    seen.note(&key.body["code"], key.status);
}

/// Refusals of tokens.
async fn tokens(stack: &Stack, seen: &mut Seen) {
    let (health, tickets) = ("/v1/channels/user:alice", "/v1/tickets");
    let channels: Vec<_> = (0..51).map(|n| format!("t:{n}")).collect();
    for (claims, path, method) in [
        (json!({"sub": "alice", "exp": in_an_hour() - 7200}), health, Method::GET),
        (json!({"sub": 42}), health, Method::GET),
        (json!({"sub": "bob"}), health, Method::GET),
        (json!({"sub": "bob", "subscribe": ["t:*"], "channels": channels}), tickets, Method::POST),
    ] {
        seen.call(stack, method, path, claims, None).await;
    }
    let none = stack.call(Method::GET, health, None, &[], None).await;
    seen.note(&none.body["code"], none.status);
}

/// Refusals of ids and of frames.
async fn things(stack: &Stack, seen: &mut Seen) {
    let publisher = || json!({"sub": "publisher", "publish": ["*"]});
    let nobody = "/v1/notifications/019a0000-0000-7000-8000-000000000000";
    seen.call(stack, Method::GET, nobody, publisher(), None).await;
    let (id, _) = schedule(stack, &json!({"to": "topic:b", "body": "x", "delay": "1s"})).await;
    stack.until("it is sent", || async { look(stack, &id).await["state"] == "sent" }).await;
    seen.call(stack, Method::DELETE, &format!("/v1/notifications/{id}"), publisher(), None).await;

    let mut alice = stack.connect("alice").await;
    let (_, answer) = alice.ask(json!({"action": "dance"})).await;
    seen.note(&answer["code"], 400);
    let table = stack.table("Subscribers").await;
    for row in stack.rows("Subscribers").await {
        let key = json!({"channel": row["channel"], "subscriber": row["subscriber"]});
        stack.dynamodb("DeleteItem", &json!({"TableName": table, "Key": key})).await;
    }
    let (_, answer) = alice.ask(json!({"action": "subscribe", "channel": "user:alice"})).await;
    seen.note(&answer["code"], 410);
}

/// Refusals of endpoints.
async fn endpoints(stack: &Stack, seen: &mut Seen) {
    let path = "/v1/channels/topic:endpoints/endpoints";
    let publisher = || json!({"sub": "publisher", "publish": ["*"]});
    let webhook = |n: usize| json!({"kind": "webhook", "url": format!("https://hooks.example.com/{n}")});
    let email = json!({"kind": "email", "address": "alice@example.com"});
    for body in std::iter::once(email).chain((0..11).map(webhook)) {
        seen.call(stack, Method::POST, path, publisher(), Some(&body)).await;
    }

    let token = stack.token(&publisher());
    let listed = stack.call(Method::GET, path, Some(&token), &[], None).await;
    let rotation = format!("{path}/{}/rotate", listed.body["endpoints"][0]["id"].as_str().unwrap());
    // Both have seen the same secret before one of them changes it.
    let delay = json!({"delay_ms": 1000});
    stack.fault(json!({"on": "dynamodb.UpdateItem", "function": "Send", "times": 0, "do": delay})).await;
    let rotate = || stack.call(Method::POST, &rotation, Some(&token), &[], None);
    let (one, other) = tokio::join!(rotate(), rotate());
    for answer in [one, other] {
        seen.note(&answer.body["code"], answer.status);
    }
    stack.control(Method::DELETE, "faults", None).await;

    // Her own inbox, which she may not publish to.
    let (path, alice) = ("/v1/channels/user:alice/endpoints", stack.token(&json!({"sub": "alice"})));
    let added = stack.call(Method::POST, path, Some(&alice), &[], Some(webhook(0).to_string())).await;
    let replay = format!("{path}/{}/replay", added.body["id"].as_str().unwrap());
    for n in 1..=51 {
        let answer = stack.call(Method::POST, &replay, Some(&alice), &[], Some(json!({"seq": 1}).to_string())).await;
        assert_eq!(answer.status, if n <= 50 { 202 } else { 429 }, "{n}: {answer:?}");
        seen.note(&answer.body["code"], answer.status);
    }
}

/// Refusals of webhooks whose servers do not answer the challenge.
async fn challenges(seen: &mut Seen) {
    let stack = Stack::start_with(&[&LOOPBACK[..], &["--parameter", "WebhookChallenge=true"]].concat()).await;
    let webhook = json!({"kind": "webhook", "url": format!("http://127.0.0.1:{}/hook", receiver_port())});
    for _ in 0..51 {
        let path = "/v1/channels/user:alice/endpoints";
        seen.call(&stack, Method::POST, path, json!({"sub": "alice"}), Some(&webhook)).await;
    }
}

/// The closing of a connection that is one too many.
async fn connections(seen: &mut Seen) {
    let stack = Stack::start_with(&["--parameter", "ConnectionsPerUser=1"]).await;
    let (mut first, _second) = (stack.connect("alice").await, stack.connect("alice").await);
    seen.note(&first.next().await["code"], 429);
}

/// Refusals of polls.
async fn polls(stack: &Stack, seen: &mut Seen) {
    let alice = stack.token(&json!({"sub": "alice", "subscribe": ["topic:*"]}));
    let path = "/v1/notifications?channel=topic:quiet&wait=2";
    let poll = || stack.call(Method::GET, path, Some(&alice), &[], None);
    for answer in join_all([poll(), poll(), poll(), poll()]).await {
        seen.note(&answer.body["code"], answer.status);
    }
}

/// Refusals that DynamoDB's failures become.
async fn troubles(stack: &Stack, seen: &mut Seen) {
    for (on, error) in
        [("dynamodb.TransactWriteItems", "TransactionCanceledException"), ("dynamodb.GetItem", "InternalServerError")]
    {
        stack.fault(json!({"on": on, "times": 0, "do": {"error": error}})).await;
        let answer = stack.post_under(on, &json!({"to": "topic:a", "body": "x"})).await;
        seen.note(&answer.body["code"], answer.status);
        stack.control(Method::DELETE, "faults", None).await;
    }
}

#[tokio::test]
async fn each_documented_code_is_seen_with_its_status() {
    let (stack, mut seen) = (Stack::start().await, Seen::default());
    bodies(&stack, &mut seen).await;
    tokens(&stack, &mut seen).await;
    things(&stack, &mut seen).await;
    endpoints(&stack, &mut seen).await;
    challenges(&mut seen).await;
    connections(&mut seen).await;
    polls(&stack, &mut seen).await;
    troubles(&stack, &mut seen).await;
    let never: Vec<_> = documented().difference(&seen.0).cloned().collect();
    assert_eq!(never, Vec::new(), "seen: {:?}", seen.0);
    assert!(documented().len() >= 20);
}
