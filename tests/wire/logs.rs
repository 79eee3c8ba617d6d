//! Logs tell what went wrong, and nothing that a caller said. Every stack of every test searches its own when it ends;
//! here is more to log than elsewhere.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::inbound::publish;
use crate::harness::{Socket, Stack, Target, local_secret};

#[tokio::test]
async fn at_the_highest_level_too_nothing_that_was_said_is_logged() {
    let stack = Stack::start_with(&["--parameter", "LogLevel=DEBUG"]).await;
    let claims =
        json!({"sub": "alice@example.org", "publish": ["*"], "subscribe": ["topic:*"], "channels": ["topic:news"]});
    let mut alice = stack.connect_with(&claims).await;
    for failing in ["TransactWriteItems", "Query"] {
        let on = format!("dynamodb.{failing}");
        stack.fault(json!({"on": on, "times": 2, "do": {"error": "InternalServerError"}})).await;
    }
    stack.fault(json!({"on": "management.POST", "times": 2, "do": {"status": 429}})).await;
    // One that nothing makes good.
    stack.fault(json!({"on": "dynamodb.UpdateItem", "times": 0, "do": {"error": "InternalServerError"}})).await;
    let notification = json!({
        "to": "topic:news", "title": "Your invoice", "body": "of four thousand", "url": "https://example.org/invoice",
        "data": {"card": "4111111111111111"},
    });
    stack.post_under("a key of theirs", &notification).await;
    alice.ask(json!({"action": "subscribe", "channel": "topic:news", "after": 0})).await;
    alice.ask(json!({"action": "publish", "to": "topic:news", "body": "a secret of theirs"})).await;
    alice.ask(json!({"action": "publish", "to": "nonsense", "body": "a secret of theirs"})).await;
    stack.post(&json!({"to": "no channel at all", "body": "a secret of theirs"})).await;
    stack.said.text("not.a.token");
    assert!(stack.try_connect("not.a.token").await.is_err());
    alice.close().await;
    stack.assert_faults_fired().await;
    for level in ["ERROR", "DEBUG"] {
        assert!(stack.has_logged(&["Send", level]), "{level}");
    }
    assert!(stack.has_logged(&["ERROR", "InternalServerError"]), "the log names the failure");
    let left = || async { stack.channel("topic:news").await["connections"] == 0 };
    stack.until("alice has left", left).await;
}

#[tokio::test]
async fn a_stranger_makes_no_error_and_an_authorizer_that_fails_does() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    let stranger = async || stack.try_connect("not.a.token").await.err().map(|refused| refused.status);
    assert_eq!(stranger().await, Some(401));
    stack.fault(json!({"on": "dynamodb.DeleteItem", "function": "Authorizer", "times": 0, "do": {"error": "InternalServerError"}})).await;
    let token = stack.token(&json!({"sub": "alice"}));
    let ticket = stack.call(Method::POST, "/v1/tickets", Some(&token), &[], None).await.body["ticket"].clone();
    let ticket = ticket.as_str().unwrap();
    stack.said.text(ticket);
    let refused = Socket::open(&format!("{}/?ticket={ticket}", stack.websocket), &[]).await.err().unwrap();
    assert_eq!(refused.status, 500);
    stack.assert_faults_fired().await;
    // One process has written both, in this order.
    let told = || async { stack.has_logged(&["Authorizer", "ERROR", "InternalServerError"]) };
    stack.until("the failure is logged", told).await;
    assert!(stack.has_logged(&["Authorizer", "INFO", "refused a connection", "invalid_token"]));
    assert!(!stack.has_logged(&["Authorizer", "ERROR", "Unauthorized"]));
}

/// A name that a caller gives to a field.
const THEIRS: &str = "Mr Doe's illness";

/// Requests that are refused for a name of the caller's own.
async fn call_with_names(stack: &Stack) {
    let named = |value: Value| {
        let mut named = value.clone();
        named[THEIRS] = json!(1);
        named
    };
    let publisher = stack.publisher();
    let (sends, endpoints) = ("/v1/notifications", "/v1/channels/topic:a/endpoints");
    let webhook = json!({"kind": "webhook", "url": "https://hooks.example.com/"});
    for (path, body) in [
        (sends, named(json!({"to": "topic:a", "body": "x"}))),
        (sends, json!({"to": named(json!({})), "body": "x"})),
        (endpoints, named(webhook.clone())),
        ("/v1/tickets", named(json!({}))),
    ] {
        let answer = stack
            .call(Method::POST, path, Some(&publisher), &[("x-illness-of", "Mr Doe")], Some(body.to_string()))
            .await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
    }
    let data = named(json!({"to": "topic:a", "data": named(json!({}))}));
    assert_eq!(stack.post(&data).await.status, 400);
    let asked = stack.call(Method::GET, &format!("{sends}?illness-of=doe"), Some(&publisher), &[], None).await;
    assert_eq!((asked.status, &asked.body["field"]), (400, &json!("illness-of")));
}

#[tokio::test]
async fn no_name_that_a_caller_chose_is_logged() {
    let target = Target::Local(Box::new(Stack::start_with(&["--parameter", "LogLevel=DEBUG"]).await));
    let stack = target.stack().unwrap();
    call_with_names(stack).await;
    let mut alice = stack.connect_with(&json!({"sub": "alice", THEIRS: {THEIRS: 1}})).await;
    alice.ask(json!({"action": "subscribe", "channel": "user:alice", THEIRS: 1})).await;
    alice.close().await;
    let refused = stack.try_connect(&stack.token(&json!({"sub": "alice", "channels": [{THEIRS: 1}]}))).await;
    assert_eq!(refused.err().map(|refused| refused.status), Some(401));
    let url = format!("{}/?illness-of=doe", stack.websocket);
    stack.said.name("illness-of");
    assert!(Socket::open(&url, &[]).await.is_err());

    publish(&target, None, None, &json!({"to": "user:a", "title": "x", THEIRS: 1}).to_string()).await;
    stack.until("the message is refused", || async { stack.has_logged(&["Ingest", "an unknown field"]) }).await;
    publish(&target, None, None, &json!({"to": "user:a", "title": 1}).to_string()).await;
    stack
        .until("a field of the API's is named", || async { stack.has_logged(&["Ingest", "invalid_request `title`"]) })
        .await;
}

/// A user's code, as docs/operations/security.md says how to find it.
fn code(secret: &str, user: &str) -> String {
    let mac = |key: &[u8], text: &str| sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec();
    let code = mac(&mac(secret.as_bytes(), "tidings caller 1"), user);
    code[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_caller_is_named_by_a_code_where_the_operator_asks_for_it_and_nowhere_else() {
    let call = async |stack: &Stack| {
        stack.connect("alice").await.close().await;
        let token = stack.token(&json!({"sub": "alice"}));
        for path in ["/v1/channels/user:alice", "/v1/notifications?channel=user:alice&wait=0"] {
            assert_eq!(stack.call(Method::GET, path, Some(&token), &[], None).await.status, 200);
        }
    };
    let named = Stack::start_with(&["--parameter", "CallersInLogs=true"]).await;
    let (alice, bob) = (code(local_secret(), "alice"), code(local_secret(), "bob"));
    call(&named).await;
    for function in ["Authorizer", "Send", "Poll"] {
        let told = || async { named.has_logged(&[function, "INFO", "called", &alice]) };
        named.until("the caller is logged", told).await;
    }
    assert!(!named.has_logged(&[&bob]));
    let stack = Stack::start().await;
    call(&stack).await;
    assert!(!stack.has_logged(&[&alice]));
}
