//! Sending later, repeatedly, and not at all.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Bundle, Target};

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::try_from(SystemTime::now()).unwrap().as_millisecond()
}

pub(crate) fn moment(text: &Value) -> i64 {
    text.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}

/// Schedules, which must succeed; gives the id and when it is due.
pub(crate) async fn schedule(target: &Bundle, body: &Value) -> (String, i64) {
    let answer = target.post(body).await;
    assert_eq!((answer.status, &answer.body["state"]), (202, &json!("scheduled")), "{answer:?}");
    (answer.body["id"].as_str().unwrap().to_owned(), moment(&answer.body["deliver_at"]))
}

pub(crate) async fn look(target: &Bundle, id: &str) -> Value {
    let answer =
        target.call(Method::GET, &format!("/v1/notifications/{id}"), Some(&target.publisher()), &[], None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

pub(crate) async fn cancel(target: &Bundle, id: &str) -> (u16, Value) {
    let path = format!("/v1/notifications/{id}");
    let answer = target.call(Method::DELETE, &path, Some(&target.publisher()), &[], None).await;
    (answer.status, answer.body)
}

#[tokio::test]
async fn a_notification_of_later_comes_at_its_time_and_one_that_is_cancelled_does_not() {
    let target = Target::start().await;
    let (alice, topic) = (target.inbox("alice"), target.topic("later"));
    let claims = json!({"sub": target.name("alice"), "subscribe": [&topic], "channels": [&topic]});
    let mut socket = target.connect_with(&claims).await;

    let (cancelled, _) = schedule(&target, &json!({"to": alice, "body": "never", "delay": "2s"})).await;
    let both = json!({"to": [&alice, &topic], "body": "later", "delay": "3s", "priority": "high"});
    let (id, due) = schedule(&target, &both).await;
    let waiting = look(&target, &id).await;
    assert_eq!(
        (&waiting["state"], &waiting["channels"]),
        (&json!("scheduled"), &json!([{"channel": alice}, {"channel": topic}]))
    );
    assert_eq!(moment(&waiting["deliver_at"]), due);
    let (status, answer) = cancel(&target, &cancelled).await;
    assert_eq!((status, &answer["state"]), (200, &json!("cancelled")));
    assert_eq!(cancel(&target, &cancelled).await.0, 200, "cancelling twice is no mistake");

    for _ in 0..2 {
        let item = socket.item().await;
        let late = now() - due;
        assert!((0..5_000).contains(&late), "{late} ms late");
        assert_eq!((&item["id"], &item["body"], &item["priority"]), (&json!(id), &json!("later"), &json!("high")));
        assert!(moment(&item["sent_at"]) >= due, "not before its time");
    }
    let state = || async { look(&target, &id).await };
    target.until("it is sent", || async { state().await["state"] == "sent" }).await;
    let sent = look(&target, &id).await;
    assert!(sent["channels"].as_array().unwrap().iter().all(|place| place["seq"].is_u64()), "{sent}");
    let (status, refusal) = cancel(&target, &id).await;
    assert_eq!((status, &refusal["code"]), (409, &json!("already_sent")));
    assert_eq!(look(&target, &cancelled).await["state"], "cancelled");
    target.send(&alice, "the one after").await;
    assert_eq!(socket.item().await["body"], "the one after", "the cancelled one never came");
}

#[tokio::test]
async fn a_time_that_has_passed_is_now() {
    let target = Target::start().await;
    for timing in [json!({"deliver_at": "2020-01-01T00:00:00Z"}), json!({"delay": "0s"})] {
        let mut body = json!({"to": target.inbox("alice"), "body": "x"});
        body.as_object_mut().unwrap().extend(timing.as_object().unwrap().clone());
        let answer = target.post(&body).await;
        assert_eq!((answer.status, &answer.body["state"]), (202, &json!("sent")), "{answer:?}");
        assert!(answer.body["channels"][0]["seq"].is_u64());
    }
}

#[tokio::test]
async fn a_repeated_request_schedules_once_and_returns_the_state() {
    let target = Target::start().await;
    let alice = target.inbox("alice");
    let mut socket = target.connect(&target.name("alice")).await;
    let (key, body) = (target.name("later"), json!({"to": alice, "body": "once", "delay": "2s"}));
    let first = target.post_under(&key, &body).await;
    let again = target.post_under(&key, &body).await;
    assert_eq!((first.status, again.status), (202, 202), "{first:?} {again:?}");
    assert_eq!(first.body, again.body);
    let other = target.post_under(&key, &json!({"to": alice, "body": "once", "delay": "3s"})).await;
    assert_eq!((other.status, other.code()), (422, "idempotency_key_reused"));
    let item = socket.item().await;
    assert_eq!(item["id"], first.body["id"]);
    target.until("it is sent", || async { target.post_under(&key, &body).await.body["state"] == "sent" }).await;
    let after = target.post_under(&key, &body).await;
    assert_eq!((&after.body["id"], &after.body["channels"][0]["seq"]), (&item["id"], &item["seq"]));
    target.send(&alice, "the one after").await;
    // A push may come twice, of what is in the log once.
    let mut next = socket.item().await;
    while next["seq"] == item["seq"] {
        next = socket.item().await;
    }
    assert_eq!(
        (&next["body"], next["seq"].as_u64()),
        (&json!("the one after"), item["seq"].as_u64().map(|seq| seq + 1))
    );
}

#[tokio::test]
async fn a_socket_schedules_too() {
    let target = Target::start().await;
    let alice = target.inbox("alice");
    let mut socket = target.connect_with(&json!({"sub": target.name("alice"), "publish": [&alice]})).await;
    let (_, published) =
        socket.ask(json!({"action": "publish", "to": alice, "body": "later", "delay": "2s", "ref": 7})).await;
    assert_eq!((&published["type"], &published["ref"]), (&json!("published"), &json!(7)), "{published}");
    let due = moment(&published["deliver_at"]);
    let item = socket.item().await;
    assert_eq!(item["id"], published["id"]);
    assert!(now() >= due);
}

#[tokio::test]
async fn a_series_goes_on_until_it_is_cancelled() {
    let target = Target::start().await;
    let alice = target.inbox("alice");
    let mut socket = target.connect(&target.name("alice")).await;
    let (id, due) = schedule(&target, &json!({"to": alice, "body": "tick", "repeat": "* * * * *"})).await;
    assert_eq!(due % 60_000, 0, "on the minute");
    let series = look(&target, &id).await;
    assert_eq!(
        (&series["state"], &series["repeat"], &series["time_zone"]),
        (&json!("scheduled"), &json!("* * * * *"), &json!("UTC"))
    );
    let item = tokio::time::timeout(Duration::from_secs(90), socket.item()).await.unwrap();
    assert!(now() >= due);
    assert_ne!(item["id"], json!(id), "each has an id of its own");
    let series = look(&target, &id).await;
    assert_eq!((moment(&series["deliver_at"]), &series["last"]), (due + 60_000, &item["id"]));
    let (status, cancelled) = cancel(&target, &id).await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    assert_eq!(cancel(&target, &id).await.0, 200);
    // Longer than until the next one would have come.
    tokio::time::sleep(Duration::from_millis(u64::try_from(due + 62_000 - now()).unwrap())).await;
    target.send(&alice, "the one after").await;
    assert_eq!(socket.item().await["body"], "the one after", "the series has ended");
}

#[tokio::test]
async fn what_cannot_be_scheduled_is_refused_by_name_and_changes_nothing() {
    let target = Target::start().await;
    let alice = target.inbox("alice");
    let next_year = Timestamp::from_millisecond(now() + 367 * 86_400_000).unwrap().to_string();
    for (fields, field) in [
        (json!({"deliver_at": next_year}), "deliver_at"),
        (json!({"deliver_at": "tomorrow"}), "deliver_at"),
        (json!({"delay": "400d"}), "delay"),
        (json!({"delay": "1m", "deliver_at": "2027-01-01T00:00:00Z"}), "delay"),
        (json!({"repeat": "0 9 * * MON", "time_zone": "Mars/Olympus"}), "time_zone"),
        (json!({"time_zone": "Europe/Paris"}), "time_zone"),
        (json!({"repeat": "0 0 30 2 *"}), "repeat"),
        (json!({"repeat": "every day"}), "repeat"),
        (json!({"delay": "1m", "store": false}), "store"),
    ] {
        let mut body = json!({"to": alice, "body": "x"});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let answer = target.post(&body).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{body}: {answer:?}");
        assert_eq!(answer.body["field"], field, "{body}");
    }
    if let Some(stack) = target.stack() {
        assert_eq!(stack.rows("Schedule").await.len(), 0);
    }
}

#[tokio::test]
async fn a_scheduled_notification_is_nobody_elses() {
    let target = Target::start().await;
    let alice = target.inbox("alice");
    let (id, _) = schedule(&target, &json!({"to": alice, "body": "x", "delay": "1h"})).await;
    let (series, _) = schedule(&target, &json!({"to": alice, "body": "x", "repeat": "0 0 1 1 *"})).await;
    let other = target.token(&json!({"sub": target.name("mallory"), "publish": ["topic:*"]}));
    let may_publish = target.token(&json!({"sub": target.name("colleague"), "publish": [&alice]}));
    for id in [id, series] {
        for (method, token, status) in [
            (Method::GET, Some(&other), 403),
            (Method::DELETE, Some(&other), 403),
            (Method::GET, None, 401),
            (Method::DELETE, None, 401),
            (Method::GET, Some(&may_publish), 200),
            (Method::DELETE, Some(&may_publish), 200),
        ] {
            let path = format!("/v1/notifications/{id}");
            let answer = target.call(method.clone(), &path, token.map(String::as_str), &[], None).await;
            assert_eq!(answer.status, status, "{method} {answer:?}");
        }
    }
    for unknown in ["x", "01890000-0000-7000-8000-000000000000", "01890000-0000-7000-8000-00000000000f"] {
        let (status, refusal) = cancel(&target, unknown).await;
        assert_eq!((status, &refusal["code"]), (404, &json!("not_found")));
    }
}
