//! What is refused: each time with a stable code, the field's name, and nothing changed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{LOCAL_SECRET, Socket, Stack, in_an_hour, sign};

const SEND: &str = "/v1/notifications";

async fn assert_nothing_stored(stack: &Stack) {
    for table in ["Notifications", "Once", "Subscribers"] {
        assert_eq!(stack.rows(table).await, Vec::<Value>::new(), "{table}");
    }
}

fn unsigned(claims: &Value) -> String {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// Tokens that nobody may come in with, and the code for each.
fn bad_tokens() -> Vec<(&'static str, String, &'static str)> {
    let claims = json!({"sub": "alice", "publish": ["*"]});
    let mut expired = claims.clone();
    expired["exp"] = json!(in_an_hour() - 7200);
    let mut endless = claims.clone();
    endless["exp"] = json!(in_an_hour());
    let large = json!({"sub": "alice", "publish": vec!["topic:x"; 240]});
    vec![
        ("expired", sign(&expired, LOCAL_SECRET), "expired_token"),
        ("wrong key", sign(&claims, "another secret"), "invalid_token"),
        ("alg none", unsigned(&endless), "invalid_token"),
        ("no token at all", "hello".to_owned(), "invalid_token"),
        ("a sub that names no channel", sign(&json!({"sub": "a b"}), LOCAL_SECRET), "invalid_token"),
        ("an invalid pattern", sign(&json!({"sub": "a", "publish": ["*a"]}), LOCAL_SECRET), "invalid_token"),
        ("too large", sign(&large, LOCAL_SECRET), "invalid_token"),
    ]
}

#[tokio::test]
async fn http_lets_nobody_in_without_a_good_token() {
    let stack = Stack::start().await;
    let body = || Some(json!({"to": "user:alice", "body": "x"}).to_string());
    let answer = stack.call(Method::POST, SEND, None, &[], body()).await;
    assert_eq!((answer.status, answer.code()), (401, "missing_token"));
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    for (name, token, code) in bad_tokens() {
        let answer = stack.call(Method::POST, SEND, Some(&token), &[], body()).await;
        assert_eq!((answer.status, answer.code()), (401, code), "{name}: {answer:?}");
    }
    for (method, path) in [
        (Method::GET, "/v1/channels/user:alice"),
        (Method::POST, "/v1/channels/user:alice/read"),
        (Method::DELETE, "/v1/users/alice/connections"),
    ] {
        let answer = stack.call(method, path, None, &[], None).await;
        assert_eq!((answer.status, answer.code()), (401, "missing_token"), "{path}");
    }
    assert_nothing_stored(&stack).await;
}

#[tokio::test]
async fn the_socket_lets_nobody_in_without_a_good_token() {
    let stack = Stack::start().await;
    let refused = Socket::open(&stack.websocket, &[]).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["message"]), (401, &json!("Unauthorized")));
    for (name, token, _) in bad_tokens() {
        assert_eq!(stack.try_connect(&token).await.err().map(|refused| refused.status), Some(401), "{name}");
    }
    let foreign = stack.token(&json!({"sub": "alice", "channels": ["user:bob"]}));
    assert_eq!(stack.try_connect(&foreign).await.err().map(|refused| refused.status), Some(403));
    let many: Vec<_> = (0..51).map(|n| format!("t:{n}")).collect();
    let many = stack.token(&json!({"sub": "alice", "subscribe": ["t:*"], "channels": many}));
    assert!(many.len() < 3072, "too large for another reason");
    assert_eq!(stack.try_connect(&many).await.err().map(|refused| refused.status), Some(403));
    assert_nothing_stored(&stack).await;
}

#[tokio::test]
async fn nobody_reads_sends_or_cuts_beyond_their_token() {
    let stack = Stack::start().await;
    let alice = stack.token(&json!({"sub": "alice", "publish": ["topic:*"], "subscribe": ["*", "user*"]}));
    let body = |to: Value| Some(json!({"to": to, "body": "x"}).to_string());
    for (method, path, body, field) in [
        (Method::POST, SEND, body(json!(["topic:a", "user:bob"])), "to[1]"),
        (Method::POST, SEND, body(json!("user:alice")), "to[0]"),
        (Method::GET, "/v1/channels/user:bob", None, "channel"),
        (Method::POST, "/v1/channels/user:bob/read", Some(r#"{"seq":1}"#.to_owned()), "channel"),
        (Method::POST, "/v1/channels/topic:a/read", Some(r#"{"seq":1}"#.to_owned()), "channel"),
        (Method::DELETE, "/v1/users/bob/connections", None, "sub"),
    ] {
        let answer = stack.call(method, path, Some(&alice), &[], body).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{path}: {answer:?}");
        assert_eq!(answer.body["field"], field, "{path}");
    }
    assert_nothing_stored(&stack).await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    let stack = Stack::start().await;
    let many: Vec<_> = (0..26).map(|n| format!("topic:{n}")).collect();
    for (body, code, field) in [
        (json!({"body": "x"}), "invalid_request", json!("to")),
        (json!({"to": "topic:a"}), "invalid_request", json!("title")),
        (json!({"to": "topic:a", "body": 7}), "invalid_request", json!("body")),
        (json!({"to": "topic:a", "body": "x", "colour": "red"}), "invalid_request", json!("colour")),
        (
            json!({"to": "topic:a", "body": "x", "deliver_at": "2030-01-01T00:00:00Z"}),
            "invalid_request",
            json!("deliver_at"),
        ),
        (json!({"to": ["topic:a", "no channel"], "body": "x"}), "invalid_request", json!("to[1]")),
        (json!({"to": many, "body": "x"}), "too_many_channels", json!("to")),
        (json!({"to": "topic:a", "body": "x", "ttl": "now"}), "invalid_request", json!("ttl")),
        (json!({"to": "topic:a", "body": "x", "priority": "urgent"}), "invalid_request", json!("priority")),
        (json!([1]), "invalid_json", Value::Null),
    ] {
        let answer = stack.post(&body).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}: {answer:?}");
        assert_eq!(answer.body["field"], field, "{body}");
        for member in ["type", "title", "detail"] {
            assert!(answer.body[member].is_string(), "{member}");
        }
        assert_eq!(answer.body["status"], 400);
    }
    let malformed = stack.call(Method::POST, SEND, Some(&stack.publisher()), &[], Some("{".to_owned())).await;
    assert_eq!((malformed.status, malformed.code()), (400, "invalid_json"));
    let path = stack.call(Method::GET, "/v1/channels/nonsense", Some(&stack.publisher()), &[], None).await;
    assert_eq!((path.status, path.code(), &path.body["field"]), (400, "invalid_request", &json!("channel")));
    let key = stack.post_under(&"k".repeat(256), &json!({"to": "topic:a", "body": "x"})).await;
    assert_eq!((key.status, key.code()), (400, "invalid_idempotency_key"));
    assert_nothing_stored(&stack).await;
}

#[tokio::test]
async fn what_does_not_fit_a_frame_is_too_large() {
    let stack = Stack::start().await;
    let answer = stack.post(&json!({"to": "topic:a", "body": "x".repeat(32_700)})).await;
    assert_eq!((answer.status, answer.code()), (413, "notification_too_large"));
    let huge = stack.post(&json!({"to": "topic:a", "body": "x".repeat(11 << 20)})).await;
    assert_eq!((huge.status, &huge.body["message"]), (413, &json!("Request Entity Too Large")), "the gateway's own");
    assert_nothing_stored(&stack).await;
    assert_eq!(stack.post(&json!({"to": "topic:a", "body": "x".repeat(32_500)})).await.status, 202);
}

#[tokio::test]
async fn routes_of_later_releases_do_not_exist() {
    let stack = Stack::start().await;
    for (method, path) in [
        (Method::GET, "/v1/notifications?channel=user:alice:1"),
        (Method::POST, "/v1/tickets"),
        (Method::POST, "/v1/channels/user:alice/endpoints"),
        (Method::GET, "/"),
    ] {
        let answer = stack.call(method, path, Some(&stack.publisher()), &[], None).await;
        assert_eq!((answer.status, &answer.body["message"]), (404, &json!("Not Found")), "{path}");
    }
}

#[tokio::test]
async fn a_bad_frame_is_answered_under_its_ref_and_the_socket_stays() {
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    for (frame, code, field) in [
        (json!({"action": "dance"}), "unknown_action", json!("action")),
        (json!({"action": "subscribe", "channel": "nonsense"}), "invalid_request", json!("channel")),
        (json!({"action": "subscribe", "channel": "user:bob"}), "forbidden", json!("channel")),
        (json!({"action": "subscribe", "channel": "user:alice", "after": "x"}), "invalid_request", json!("after")),
        (json!({"action": "unsubscribe", "channel": "user:alice"}), "invalid_request", json!("channel")),
        (json!({"action": "read", "channel": "user:bob", "seq": 1}), "forbidden", json!("channel")),
        (json!({"action": "publish", "to": "user:bob", "body": "x"}), "forbidden", json!("to[0]")),
        (
            json!({"action": "publish", "to": "user:bob", "body": "x", "key": ""}),
            "invalid_idempotency_key",
            json!("key"),
        ),
    ] {
        let (_, answer) = alice.ask(frame.clone()).await;
        assert_eq!(answer["type"], "error", "{frame}");
        assert_eq!((&answer["code"], &answer["field"]), (&json!(code), &field), "{frame}: {answer}");
    }
    for text in ["hello", "[1]", "{\"action\":"] {
        alice.send_text(text).await;
        let answer = alice.next().await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!("invalid_json")), "{text}");
    }
    assert_eq!(stack.rows("Notifications").await.len(), 0);
    stack.send("user:alice", "still here").await;
    assert_eq!(alice.item().await["body"], "still here");
}

#[tokio::test]
async fn a_frame_beyond_the_gateways_limit_closes_the_socket() {
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    alice.send_text(&"x".repeat(33_000)).await;
    let close = alice.next_or_close().await.expect_err("closed").expect("with a reason");
    assert_eq!(u16::from(close.code), 1009);
}

#[tokio::test]
async fn a_connection_joins_at_most_fifty_channels_besides_its_own() {
    let stack = Stack::start().await;
    let channels: Vec<_> = (0..50).map(|n| format!("t:{n}")).collect();
    let mut alice = stack.connect_with(&json!({"sub": "alice", "subscribe": ["t:*"], "channels": channels})).await;
    let (_, answer) = alice.ask(json!({"action": "subscribe", "channel": "t:50"})).await;
    assert_eq!(answer["code"], "too_many_subscriptions");
    alice.ask(json!({"action": "unsubscribe", "channel": "t:0"})).await;
    let (_, answer) = alice.ask(json!({"action": "subscribe", "channel": "t:50"})).await;
    assert_eq!(answer["type"], "subscribed");
}

#[tokio::test]
async fn frames_after_the_tokens_end_are_refused_and_nothing_more_is_pushed() {
    let stack = Stack::start().await;
    let exp = in_an_hour() - 3600 + 3;
    let mut talker = stack.connect_with(&json!({"sub": "alice", "exp": exp})).await;
    let mut listener = stack.connect_with(&json!({"sub": "alice", "exp": exp})).await;
    stack.until("the token has ended", || async { in_an_hour() - 3600 > exp }).await;
    talker.send(&json!({"action": "subscribe", "channel": "user:alice"})).await;
    assert_eq!(talker.next().await["code"], "expired_token");
    assert!(talker.next_or_close().await.is_err(), "and closed");
    stack.send("user:alice", "too late").await;
    assert!(listener.next_or_close().await.is_err(), "it is closed and given nothing");
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let stack = Stack::start().await;
    let first = stack.post_under("k", &json!({"to": "user:alice", "body": "1"})).await;
    let again = stack.post_under("k", &json!({"body": "1", "to": "user:alice"})).await;
    assert_eq!((again.status, &again.body["id"]), (202, &first.body["id"]));
    assert_eq!(again.body["channels"][0]["seq"], 1);
    for other in [json!({"to": "user:alice", "body": "2"}), json!({"to": "user:bob", "body": "1"})] {
        let answer = stack.post_under("k", &other).await;
        assert_eq!((answer.status, answer.code()), (422, "idempotency_key_reused"), "{other}");
    }
    let other_user = stack.token(&json!({"sub": "somebody", "publish": ["*"]}));
    let body = Some(json!({"to": "user:alice", "body": "2"}).to_string());
    let answer = stack.call(Method::POST, SEND, Some(&other_user), &[("Idempotency-Key", "k")], body).await;
    assert_eq!(answer.status, 202, "a key is its user's");
    let unstored = stack.post_under("k2", &json!({"to": "user:alice", "body": "x", "store": false})).await;
    assert_eq!((unstored.status, &unstored.body["field"]), (400, &json!("store")));
}
