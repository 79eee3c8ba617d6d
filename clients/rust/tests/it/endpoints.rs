//! `tidings endpoints` against an API whose answers the test sets.

use serde_json::{Value, json};

use crate::command_line::{asked, output, tidings};
use crate::http::serve;
use crate::server::within;

const ADDED: &str = r#"{"id": "e-1", "channel": "user:alice", "owner": "alice", "kind": "webhook",
    "url": "https://a.example/hook", "state": "active", "created_at": "2026-11-22T20:00:00.000Z",
    "secret": "whsec_aGVsbG8="}"#;

const LOOKED_AT: &str = r#"{"id": "e-1", "channel": "user:alice", "owner": "alice", "kind": "webhook",
    "url": "https://a.example/hook", "min_priority": "high", "state": "failing",
    "created_at": "2026-11-22T20:00:00.000Z", "failing_since": "2026-11-22T21:00:00.000Z",
    "attempts": [{"at": "2026-11-22T21:00:00.000Z", "seq": 42, "attempt": 1, "outcome": "failed", "status": 500,
        "latency_ms": 12, "answer": "no"}]}"#;

const CREATED: (&str, &str) = ("201 Created", ADDED);

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[tokio::test]
async fn add_prints_the_secret_and_says_that_it_is_not_shown_again() {
    let arguments = ["endpoints", "add", "user:alice", "webhook", "--url", "https://a.example/hook"];
    let (success, printed, told, request) = asked(CREATED, &arguments).await;
    assert!(success, "{told}");
    assert!(request.starts_with("POST /v1/channels/user:alice/endpoints HTTP"), "{request}");
    assert_eq!(body(&request), json!({"kind": "webhook", "url": "https://a.example/hook"}));
    for row in ["e-1\n", "  secret             whsec_aGVsbG8=\n", "  url                https://a.example/hook\n"] {
        assert!(printed.contains(row), "{printed}");
    }
    assert!(told.contains("not shown again") && !told.contains("whsec"), "{told}");
    let (_, printed, ..) = asked(CREATED, &[&arguments[..], &["--json"]].concat()).await;
    let expected: Value = serde_json::from_str(ADDED).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
}

#[tokio::test]
async fn each_kind_has_its_own_fields_and_all_have_the_filter() {
    let file = std::env::temp_dir().join(format!("tidings-subscription-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"endpoint": "https://push.example/f"}"#).unwrap();
    let in_file = format!("@{}", file.display());
    for (arguments, fields) in [
        (
            vec!["web-push", "--subscription", r#"{"endpoint": "https://push.example/x"}"#],
            json!({"kind": "web_push", "subscription": {"endpoint": "https://push.example/x"}}),
        ),
        (
            vec!["web-push", "--subscription", &in_file],
            json!({"kind": "web_push", "subscription": {"endpoint": "https://push.example/f"}}),
        ),
        (
            vec!["mobile-push", "--target-arn", "arn:aws:sns:x"],
            json!({"kind": "mobile_push", "target_arn": "arn:aws:sns:x"}),
        ),
        (
            vec!["sms", "--phone", "+4915112345678", "--min-priority", "high"],
            json!({"kind": "sms", "phone": "+4915112345678", "min_priority": "high"}),
        ),
        (
            vec!["--only-when-offline", "email", "--address", "a@b.example", "--min-priority", "normal"],
            json!({"kind": "email", "address": "a@b.example", "min_priority": "normal", "only_when_offline": true}),
        ),
        (
            vec!["other", "--kind", "chat", "--target", r#"{"room": "a"}"#, "--min-priority", "low"],
            json!({"kind": "chat", "room": "a", "min_priority": "low"}),
        ),
    ] {
        let arguments = [vec!["endpoints", "add", "user:alice"], arguments].concat();
        let (success, _, told, request) = asked(CREATED, &arguments).await;
        assert!(success, "{told}");
        assert_eq!(body(&request), fields);
    }
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn what_cannot_be_an_endpoint_is_refused_before_anybody_is_asked() {
    let nowhere = ["--http", "http://127.0.0.1:9"];
    for (arguments, named) in [
        (&["webhook"][..], "--url"),
        (&["pigeon", "--url", "x"], "pigeon"),
        (&["sms", "--phone", "+1", "--min-priority", "urgent"], "normal"),
        (&["web-push", "--subscription", "{hush"], "--subscription: this is not JSON"),
        (&["web-push", "--subscription", "@/no/such/file"], "/no/such/file"),
        (&["other", "--kind", "chat", "--target", "\"hush\""], "--target: give a JSON object"),
    ] {
        let (success, printed, told) =
            output(tidings(&[&nowhere, &["endpoints", "add", "user:alice"][..], arguments].concat())).await;
        assert!(!success && printed.is_empty());
        assert!(told.contains(named) && !told.contains("hush"), "{told}");
    }
}

#[tokio::test]
async fn an_endpoint_whose_answer_is_lost_is_not_added_twice() {
    for what in [&["add", "user:alice", "webhook", "--url", "https://a.example"][..], &["rotate", "user:alice", "e-1"]]
    {
        let (success, _, told, _) = asked(("503 Service Unavailable", "{}"), &[&["endpoints"], what].concat()).await;
        assert!(!success && told.contains("503"), "{told}");
    }
}

#[tokio::test]
async fn list_prints_an_endpoint_a_line() {
    let answer: &'static str = Box::leak(format!(r#"{{"endpoints": [{LOOKED_AT}, {LOOKED_AT}]}}"#).into_boxed_str());
    let (success, printed, told, request) = asked(("200 OK", answer), &["endpoints", "list", "user:alice"]).await;
    assert!(success, "{told}");
    assert!(request.starts_with("GET /v1/channels/user:alice/endpoints HTTP"), "{request}");
    assert_eq!(printed, "e-1  webhook  failing  https://a.example/hook\n".repeat(2));
    let (_, printed, ..) = asked(("200 OK", answer), &["endpoints", "list", "user:alice", "--json"]).await;
    assert_eq!(printed.lines().count(), 2);
}

#[tokio::test]
async fn show_has_the_last_attempts() {
    let (success, printed, told, request) =
        asked(("200 OK", LOOKED_AT), &["endpoints", "show", "topic:a", "e/1"]).await;
    assert!(success, "{told}");
    assert!(request.starts_with("GET /v1/channels/topic:a/endpoints/e%2F1 HTTP"), "{request}");
    assert!(printed.contains("  attempt            2026-11-22T21:00:00.000Z  #42, 1st  failed: 500 after 12 ms: no\n"));
    let (_, printed, ..) = asked(("200 OK", LOOKED_AT), &["endpoints", "show", "topic:a", "e-1", "--json"]).await;
    let expected: Value = serde_json::from_str(LOOKED_AT).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
}

#[tokio::test]
async fn remove_takes_an_answer_without_a_body() {
    let (success, printed, told, request) =
        asked(("204 No Content", ""), &["endpoints", "remove", "user:alice", "e-1"]).await;
    assert!(success, "{told}");
    assert_eq!(printed, "e-1 removed\n");
    assert!(request.starts_with("DELETE /v1/channels/user:alice/endpoints/e-1 HTTP"), "{request}");
}

#[tokio::test]
async fn without_an_id_nothing_else_is_removed() {
    for id in ["", ".", ".."] {
        let (success, _, told) = output(tidings(&["endpoints", "remove", "user:alice", id])).await;
        assert!(!success && told.contains("no endpoint's id"), "{told}");
    }
}

#[tokio::test]
async fn rotate_prints_the_new_secret() {
    let (success, printed, told, request) =
        asked(("200 OK", ADDED), &["endpoints", "rotate", "user:alice", "e-1"]).await;
    assert!(success && told.contains("not shown again"), "{told}");
    assert!(request.starts_with("POST /v1/channels/user:alice/endpoints/e-1/rotate HTTP"), "{request}");
    assert!(printed.contains("whsec_aGVsbG8="), "{printed}");
}

#[tokio::test]
async fn replay_goes_on_while_there_is_more() {
    let (url, server) = serve(&[
        ("202 Accepted", r#"{"queued": 990, "seq": 1041, "more": true}"#),
        ("202 Accepted", r#"{"queued": 10, "seq": 1051, "more": false}"#),
    ])
    .await;
    let (success, printed, told) =
        output(tidings(&["--http", &url, "endpoints", "replay", "user:alice", "e-1", "--from", "42"])).await;
    assert!(success, "{told}");
    assert_eq!(printed, "1000 sent again\n");
    let requests = within(server).await.unwrap();
    assert_eq!(
        requests.iter().map(|request| body(request)).collect::<Vec<_>>(),
        [json!({"seq": 42}), json!({"seq": 1042})]
    );
    for request in requests {
        assert!(request.starts_with("POST /v1/channels/user:alice/endpoints/e-1/replay HTTP"), "{request}");
    }
}

#[tokio::test]
async fn replay_ends_where_the_answers_do_not_come_forward() {
    let answer = ("202 Accepted", r#"{"queued": 0, "seq": 41, "more": true}"#);
    let (success, _, told, _) = asked(answer, &["endpoints", "replay", "user:alice", "e-1", "--from", "42"]).await;
    assert!(!success && told.contains("#41"), "{told}");
}
