//! Refusals: each has a stable code and the field's name, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Socket, Target, in_an_hour, sign};

const SEND: &str = "/v1/notifications";

/// That a refusal changed nothing: neither these channels, nor, where it can be seen, any row at all.
async fn assert_unchanged(target: &Target, channels: &[&str]) {
    for channel in channels {
        let state = target.channel(channel).await;
        assert_eq!((&state["seq"], &state["connections"]), (&json!(0), &json!(0)), "{channel}");
    }
    if let Some(stack) = target.stack() {
        for table in ["Notifications", "Once", "Subscribers"] {
            assert_eq!(stack.rows(table).await, Vec::<Value>::new(), "{table}");
        }
    }
}

fn unsigned(claims: &Value) -> String {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&json!({"alg": "none", "typ": "JWT"})), part(claims))
}

/// Tokens that the API refuses, and the code for each.
fn bad_tokens(target: &Target) -> Vec<(&'static str, String, &'static str)> {
    let claims = json!({"sub": target.name("alice"), "publish": ["*"]});
    let mut expired = claims.clone();
    expired["exp"] = json!(in_an_hour() - 7200);
    let mut endless = claims.clone();
    endless["exp"] = json!(in_an_hour());
    let large = json!({"sub": target.name("alice"), "publish": vec!["topic:x"; 240]});
    vec![
        ("expired", target.token(&expired), "expired_token"),
        ("wrong key", sign(&claims, "another secret"), "invalid_token"),
        ("alg none", unsigned(&endless), "invalid_token"),
        ("no token at all", "hello".to_owned(), "invalid_token"),
        ("a sub that names no channel", target.token(&json!({"sub": "x".repeat(181)})), "invalid_token"),
        ("an invalid pattern", target.token(&json!({"sub": "a", "publish": ["*a"]})), "invalid_token"),
        ("too large", target.token(&large), "invalid_token"),
    ]
}

#[tokio::test]
async fn http_lets_nobody_in_without_a_good_token() {
    let target = Target::start().await;
    let inbox = target.inbox("alice");
    let body = || Some(json!({"to": inbox, "body": "x"}).to_string());
    let answer = target.call(Method::POST, SEND, None, &[], body()).await;
    assert_eq!((answer.status, answer.code()), (401, "missing_token"));
    // API Gateway renames it.
    let demand = ["x-amzn-remapped-www-authenticate", "www-authenticate"].map(|name| answer.headers.get(name));
    assert_eq!(demand.into_iter().flatten().collect::<Vec<_>>(), ["Bearer"]);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    for (name, token, code) in bad_tokens(&target) {
        let answer = target.call(Method::POST, SEND, Some(&token), &[], body()).await;
        assert_eq!((answer.status, answer.code()), (401, code), "{name}: {answer:?}");
    }
    for (method, path) in [
        (Method::GET, format!("/v1/channels/{inbox}")),
        (Method::POST, format!("/v1/channels/{inbox}/read")),
        (Method::DELETE, format!("/v1/users/{}/connections", target.name("alice"))),
        (Method::GET, format!("/v1/notifications?channel={inbox}")),
        (Method::POST, "/v1/tickets".to_owned()),
        (Method::POST, format!("/v1/channels/{inbox}/endpoints")),
        (Method::GET, format!("/v1/channels/{inbox}/endpoints")),
        (Method::GET, format!("/v1/channels/{inbox}/endpoints/x")),
        (Method::DELETE, format!("/v1/channels/{inbox}/endpoints/x")),
        (Method::POST, format!("/v1/channels/{inbox}/endpoints/x/rotate")),
        (Method::POST, format!("/v1/channels/{inbox}/endpoints/x/replay")),
    ] {
        let answer = target.call(method, &path, None, &[], None).await;
        assert_eq!((answer.status, answer.code()), (401, "missing_token"), "{path}");
    }
    assert_unchanged(&target, &[&inbox]).await;
}

#[tokio::test]
async fn the_socket_lets_nobody_in_without_a_good_token() {
    let target = Target::start().await;
    for (name, token, _) in bad_tokens(&target) {
        assert!(target.try_connect(&token).await.is_err(), "{name}");
    }
    assert!(Socket::open(&target.websocket, &[]).await.is_err());
    let alice = target.name("alice");
    let foreign = target.token(&json!({"sub": alice, "channels": [target.inbox("bob")]}));
    assert!(target.try_connect(&foreign).await.is_err());
    let many: Vec<_> = (0..51).map(|n| format!("t:{n}")).collect();
    let many = target.token(&json!({"sub": alice, "subscribe": ["t:*"], "channels": many}));
    assert!(many.len() < 3072, "too large for another reason");
    assert!(target.try_connect(&many).await.is_err());
    assert_unchanged(&target, &[&target.inbox("alice"), &target.inbox("bob")]).await;
}

#[tokio::test]
async fn a_refused_handshake_says_who_is_unknown_and_who_may_not() {
    let target = Target::start().await;
    let refused = Socket::open(&target.websocket, &[]).await.err().unwrap();
    assert_eq!((refused.status, &refused.body["message"]), (401, &json!("Unauthorized")));
    for (name, token, _) in bad_tokens(&target) {
        assert_eq!(target.try_connect(&token).await.err().map(|refused| refused.status), Some(401), "{name}");
    }
    let foreign = target.token(&json!({"sub": target.name("alice"), "channels": [target.inbox("bob")]}));
    assert_eq!(target.try_connect(&foreign).await.err().map(|refused| refused.status), Some(403));
}

#[tokio::test]
async fn nobody_reads_sends_or_cuts_beyond_their_token() {
    let target = Target::start().await;
    let (alices, bobs, topic) = (target.inbox("alice"), target.inbox("bob"), target.topic("a"));
    let alice =
        target.token(&json!({"sub": target.name("alice"), "publish": ["topic:*"], "subscribe": ["*", "user*"]}));
    let body = |to: Value| Some(json!({"to": to, "body": "x"}).to_string());
    let read = || Some(r#"{"seq":1}"#.to_owned());
    for (method, path, body, field) in [
        (Method::POST, SEND.to_owned(), body(json!([topic, bobs])), "to[1]"),
        (Method::POST, SEND.to_owned(), body(json!(alices)), "to[0]"),
        (Method::GET, format!("/v1/channels/{bobs}"), None, "channel"),
        (Method::POST, format!("/v1/channels/{bobs}/read"), read(), "channel"),
        (Method::POST, format!("/v1/channels/{topic}/read"), read(), "channel"),
        (Method::DELETE, format!("/v1/users/{}/connections", target.name("bob")), None, "sub"),
    ] {
        let answer = target.call(method, &path, Some(&alice), &[], body).await;
        assert_eq!((answer.status, answer.code()), (403, "forbidden"), "{path}: {answer:?}");
        assert_eq!(answer.body["field"], field, "{path}");
    }
    assert_unchanged(&target, &[&alices, &bobs, &topic]).await;
}

#[tokio::test]
async fn a_bad_request_names_its_field() {
    let target = Target::start().await;
    let topic = &target.topic("a");
    let many: Vec<_> = (0..26).map(|n| format!("topic:{n}")).collect();
    for (body, code, field) in [
        (json!({"body": "x"}), "invalid_request", json!("to")),
        (json!({"to": topic}), "invalid_request", json!("title")),
        (json!({"to": topic, "body": 7}), "invalid_request", json!("body")),
        (json!({"to": topic, "body": "x", "colour": "red"}), "invalid_request", json!("colour")),
        (json!({"to": [topic, "no channel"], "body": "x"}), "invalid_request", json!("to[1]")),
        (json!({"to": many, "body": "x"}), "too_many_channels", json!("to")),
        (json!({"to": topic, "body": "x", "ttl": "now"}), "invalid_request", json!("ttl")),
        (json!({"to": topic, "body": "x", "priority": "urgent"}), "invalid_request", json!("priority")),
        (json!([1]), "invalid_json", Value::Null),
    ] {
        let answer = target.post(&body).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{body}: {answer:?}");
        assert_eq!(answer.body["field"], field, "{body}");
        for member in ["type", "title", "detail"] {
            assert!(answer.body[member].is_string(), "{member}");
        }
        assert_eq!(answer.body["status"], 400);
    }
    let malformed = target.call(Method::POST, SEND, Some(&target.publisher()), &[], Some("{".to_owned())).await;
    assert_eq!((malformed.status, malformed.code()), (400, "invalid_json"));
    let path = target.call(Method::GET, "/v1/channels/nonsense", Some(&target.publisher()), &[], None).await;
    assert_eq!((path.status, path.code(), &path.body["field"]), (400, "invalid_request", &json!("channel")));
    let key = target.post_under(&"k".repeat(256), &json!({"to": topic, "body": "x"})).await;
    assert_eq!((key.status, key.code()), (400, "invalid_idempotency_key"));
    assert_unchanged(&target, &[topic]).await;
}

#[tokio::test]
async fn what_does_not_fit_a_frame_is_too_large() {
    let target = Target::start().await;
    let topic = &target.topic("a");
    let answer = target.post(&json!({"to": topic, "body": "x".repeat(32_700)})).await;
    assert_eq!((answer.status, answer.code()), (413, "notification_too_large"));
    assert_unchanged(&target, &[topic]).await;
    assert_eq!(target.post(&json!({"to": topic, "body": "x".repeat(32_500)})).await.status, 202);
}

#[tokio::test]
async fn a_request_beyond_the_gateways_limit_is_refused_by_the_gateway() {
    let target = Target::start().await;
    let topic = &target.topic("a");
    let huge = target.post(&json!({"to": topic, "body": "x".repeat(11 << 20)})).await;
    assert_eq!((huge.status, &huge.body["message"]), (413, &json!("Request Entity Too Large")));
    assert_unchanged(&target, &[topic]).await;
}

#[tokio::test]
async fn other_routes_do_not_exist() {
    let target = Target::start().await;
    for (method, path) in [(Method::POST, "/v1/channels/user:alice"), (Method::GET, "/assets")] {
        let answer = target.call(method, path, Some(&target.publisher()), &[], None).await;
        assert_eq!((answer.status, &answer.body["message"]), (404, &json!("Not Found")), "{path}");
    }
}

#[tokio::test]
async fn a_bad_frame_is_answered_under_its_ref_and_the_socket_stays() {
    let target = Target::start().await;
    let (alices, bobs) = (&target.inbox("alice"), &target.inbox("bob"));
    let mut alice = target.connect(&target.name("alice")).await;
    for (frame, code, field) in [
        (json!({"action": "dance"}), "unknown_action", json!("action")),
        (json!({"action": "subscribe", "channel": "nonsense"}), "invalid_request", json!("channel")),
        (json!({"action": "subscribe", "channel": bobs}), "forbidden", json!("channel")),
        (json!({"action": "subscribe", "channel": alices, "after": "x"}), "invalid_request", json!("after")),
        (json!({"action": "unsubscribe", "channel": alices}), "invalid_request", json!("channel")),
        (json!({"action": "read", "channel": bobs, "seq": 1}), "forbidden", json!("channel")),
        (json!({"action": "publish", "to": bobs, "body": "x"}), "forbidden", json!("to[0]")),
        (json!({"action": "publish", "to": bobs, "body": "x", "key": ""}), "invalid_idempotency_key", json!("key")),
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
    for channel in [alices, bobs] {
        assert_eq!(target.channel(channel).await["seq"], 0, "{channel}");
    }
    target.send(alices, "still here").await;
    assert_eq!(alice.item().await["body"], "still here");
}

#[tokio::test]
async fn a_frame_beyond_the_gateways_limit_closes_the_socket() {
    let target = Target::start().await;
    let mut alice = target.connect(&target.name("alice")).await;
    alice.send_text(&"x".repeat(33_000)).await;
    let close = alice.next_or_close().await.expect_err("closed").expect("with a reason");
    assert_eq!(u16::from(close.code), 1009);
}

#[tokio::test]
async fn a_connection_joins_at_most_fifty_channels_besides_its_own() {
    let target = Target::start().await;
    let channels: Vec<_> = (0..50).map(|n| target.topic(&n.to_string())).collect();
    let mut alice = target
        .connect_with(&json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": channels}))
        .await;
    let (_, answer) = alice.ask(json!({"action": "subscribe", "channel": target.topic("50")})).await;
    assert_eq!(answer["code"], "too_many_subscriptions");
    alice.ask(json!({"action": "unsubscribe", "channel": target.topic("0")})).await;
    let (_, answer) = alice.ask(json!({"action": "subscribe", "channel": target.topic("50")})).await;
    assert_eq!(answer["type"], "subscribed");
}

#[tokio::test]
async fn frames_after_the_tokens_end_are_refused_and_nothing_more_is_pushed() {
    let target = Target::start().await;
    let exp = in_an_hour() - 3600 + 3;
    let mut talker = target.connect_with(&json!({"sub": target.name("alice"), "exp": exp})).await;
    let mut listener = target.connect_with(&json!({"sub": target.name("alice"), "exp": exp})).await;
    target.until("the token has ended", || async { in_an_hour() - 3600 > exp }).await;
    talker.send(&json!({"action": "subscribe", "channel": target.inbox("alice")})).await;
    assert_eq!(talker.next().await["code"], "expired_token");
    assert!(talker.next_or_close().await.is_err(), "and closed");
    target.send(&target.inbox("alice"), "too late").await;
    assert!(listener.next_or_close().await.is_err(), "it is closed and given nothing");
}

#[tokio::test]
async fn a_key_is_for_one_request() {
    let target = Target::start().await;
    let (key, other_key) = (target.name("k"), target.name("k2"));
    let first = target.post_under(&key, &json!({"to": target.inbox("alice"), "body": "1"})).await;
    let again = target.post_under(&key, &json!({"body": "1", "to": target.inbox("alice")})).await;
    assert_eq!((again.status, &again.body["id"]), (202, &first.body["id"]));
    assert_eq!(again.body["channels"][0]["seq"], 1);
    for other in [json!({"to": target.inbox("alice"), "body": "2"}), json!({"to": target.inbox("bob"), "body": "1"})] {
        let answer = target.post_under(&key, &other).await;
        assert_eq!((answer.status, answer.code()), (422, "idempotency_key_reused"), "{other}");
    }
    let other_user = target.token(&json!({"sub": target.name("somebody"), "publish": ["*"]}));
    let body = Some(json!({"to": target.inbox("alice"), "body": "2"}).to_string());
    let answer = target.call(Method::POST, SEND, Some(&other_user), &[("Idempotency-Key", &key)], body).await;
    assert_eq!(answer.status, 202, "a key is its user's");
    let unstored =
        target.post_under(&other_key, &json!({"to": target.inbox("alice"), "body": "x", "store": false})).await;
    assert_eq!((unstored.status, &unstored.body["field"]), (400, &json!("store")));
}
