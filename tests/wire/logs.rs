//! Logs tell what went wrong, and nothing that a caller said. Every stack of every test searches its own when it ends;
//! here is more to log than elsewhere.

use serde_json::json;

use crate::harness::{Socket, Stack};

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
    assert!(stack.has_logged(&["ERROR", "InternalServerError"]), "what went wrong is told");
    let left = || async { stack.channel("topic:news").await["connections"] == 0 };
    stack.until("alice has left", left).await;
}

#[tokio::test]
async fn a_stranger_makes_no_error_and_an_authorizer_that_fails_does() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    let stranger = async || stack.try_connect("not.a.token").await.err().map(|refused| refused.status);
    assert_eq!(stranger().await, Some(401));
    stack.fault(json!({"on": "dynamodb.DeleteItem", "function": "Authorizer", "times": 0, "do": {"error": "InternalServerError"}})).await;
    let refused = Socket::open(&format!("{}/?ticket=t", stack.websocket), &[]).await.err().unwrap();
    assert_eq!(refused.status, 500);
    stack.assert_faults_fired().await;
    // One process has written both, in this order.
    let told = || async { stack.has_logged(&["Authorizer", "ERROR", "InternalServerError"]) };
    stack.until("the failure is logged", told).await;
    assert!(stack.has_logged(&["Authorizer", "INFO", "refused a connection", "invalid_token"]));
    assert!(!stack.has_logged(&["Authorizer", "ERROR", "Unauthorized"]));
}
