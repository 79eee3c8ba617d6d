//! Requests as other languages write them, and the texts of refusals.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Socket, Target};

/// Texts that no refusal may have: serde's words, and parts of the request.
const UNSAID: [&str; 16] = [
    "s3cret",
    "invalid type",
    "invalid value",
    "invalid length",
    "expected",
    "floating point",
    "struct ",
    "variant",
    "integer `",
    "sequence",
    "a map",
    "u64",
    "f64",
    "i64",
    "EOF",
    "at line",
];

/// Values of every type; what is a text is a secret.
fn values() -> Vec<Value> {
    vec![
        json!("s3cret"),
        json!("https://user:s3cret@hooks.example.com/s3cret"),
        json!("http://hooks.example.com/s3cret"),
        json!("s3cret, expected u64"),
        json!(7),
        json!(-7),
        json!(7.5),
        json!(1e300),
        json!(true),
        json!(null),
        json!([]),
        json!(["s3cret"]),
        json!([[7]]),
        json!({}),
        json!({"s3": "s3cret"}),
    ]
}

fn assert_plain(said: &str, asked: &str) {
    let detail = said.to_owned();
    for word in UNSAID {
        assert!(!detail.contains(word), "{word:?} is said of {asked}: {detail}");
    }
}

/// A request with each of its fields wrong in every way, and with one more.
fn wrongs(good: &Value, path: &str) -> Vec<Value> {
    let mut wrongs = Vec::new();
    let object = good.pointer(path).unwrap().as_object().unwrap();
    for name in object.keys().chain([&"extra".to_owned()]) {
        let pointer = format!("{path}/{name}");
        for value in values() {
            let mut wrong = good.clone();
            wrong.pointer_mut(path).unwrap()[name] = value;
            wrongs.push(wrong);
        }
        if object.get(name).is_some_and(Value::is_object) && name != "data" {
            wrongs.extend(self::wrongs(good, &pointer));
        }
    }
    wrongs
}

/// Requests that are right, or nearly.
fn requests(target: &Target) -> Vec<(String, Value)> {
    let (inbox, topic) = (target.inbox("alice"), target.topic("a"));
    let subscription = json!({
        "endpoint": "https://push.example.com/s/1",
        "expirationTime": 1.5,
        "keys": {"p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
    });
    let arn = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/shop/00000000-0000-0000-0000-000000000000";
    let endpoints = format!("/v1/channels/{inbox}/endpoints");
    let send = "/v1/notifications".to_owned();
    vec![
        (
            send.clone(),
            json!({"to": [topic], "title": "t", "body": "b", "url": "u", "data": {}, "ttl": "1h", "priority": "low", "collapse_key": "k", "store": true}),
        ),
        (send.clone(), json!({"to": topic, "title": "t", "deliver_at": "2026-11-21T20:00:00Z"})),
        (send, json!({"to": topic, "title": "t", "delay": "1h"})),
        (format!("/v1/channels/{inbox}/read"), json!({"seq": 1})),
        ("/v1/tickets".to_owned(), json!({})),
        (
            endpoints.clone(),
            json!({"kind": "webhook", "url": "https://hooks.example.com/", "min_priority": "low", "only_when_offline": true}),
        ),
        (endpoints.clone(), json!({"kind": "web_push", "subscription": subscription})),
        (endpoints.clone(), json!({"kind": "mobile_push", "target_arn": arn})),
        (endpoints.clone(), json!({"kind": "sms", "phone": "+4915112345678"})),
        (endpoints.clone(), json!({"kind": "email", "address": "alice@example.com"})),
        (format!("{endpoints}/0/replay"), json!({"seq": 1})),
        (format!("{endpoints}/0/rotate"), json!({})),
    ]
}

#[tokio::test]
async fn no_refusal_has_a_parsers_words_or_repeats_what_was_sent() {
    let target = Target::start().await;
    let alice = target.token(&json!({"sub": target.name("alice"), "publish": [format!("{}*", target.topic(""))]}));
    let mut refused = 0;
    let mut refuse = async |method: Method, path: &str, body: Option<String>| {
        let asked = format!("{path} {}", body.as_deref().unwrap_or_default());
        let answer = target.call(method, path, Some(&alice), &[], body).await;
        assert!(answer.status < 500, "{asked}: {answer:?}");
        if answer.status >= 400 {
            refused += 1;
            assert_plain(answer.body["detail"].as_str().unwrap(), &asked);
        }
    };
    for (path, good) in requests(&target) {
        for wrong in wrongs(&good, "") {
            refuse(Method::POST, &path, Some(wrong.to_string())).await;
        }
        for text in
            ["hello", "\"s3cret\"", "[]", "{", "{\"a\": ", "{} s3cret", "{\"a\": 1e999}", "{\"a\": \"\\ud83d\"}", "7"]
        {
            refuse(Method::POST, &path, Some(text.to_owned())).await;
        }
        refuse(Method::POST, &path, Some("[".repeat(1000))).await;
    }
    let inbox = target.inbox("alice");
    for query in
        ["channel=s3cret", "wait=s3cret", "limit=-1", "limit=1.5", "limit=1e9", "limit=", "wait=26.0", "s3cr=1"]
    {
        refuse(Method::GET, &format!("/v1/notifications?channel={inbox}&{query}"), None).await;
    }
    for seq in ["s3cret", "-1", "1.5", "1e300", "99999999999999999999", ""] {
        refuse(Method::GET, &format!("/v1/notifications?channel={inbox}:{seq}"), None).await;
    }
    assert!(refused > 500, "{refused}");
}

#[tokio::test]
async fn no_refused_frame_is_answered_in_a_parsers_words() {
    let target = Target::start().await;
    let (inbox, topic) = (target.inbox("alice"), target.topic("a"));
    let mut alice = target.connect_with(&json!({"sub": target.name("alice"), "publish": [topic]})).await;
    for good in [
        json!({"action": "subscribe", "channel": inbox, "after": 1, "ref": 1}),
        json!({"action": "unsubscribe", "channel": topic}),
        json!({"action": "read", "channel": inbox, "seq": 1}),
        json!({"action": "publish", "to": topic, "title": "t", "key": "k"}),
    ] {
        for mut wrong in wrongs(&good, "") {
            // A good one may be answered by more than one frame; the last of them has its `ref`.
            if wrong["ref"] == good["ref"] {
                wrong["ref"] = json!(rand::random::<u32>());
            }
            alice.send(&wrong).await;
            let answer = answer(&mut alice).await;
            if answer["type"] == "error" {
                assert_plain(answer["detail"].as_str().unwrap(), &wrong.to_string());
            }
        }
    }
}

/// The next frame that is no notification.
async fn answer(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.next().await;
        if frame["type"] != "notifications" {
            return frame;
        }
    }
}

#[tokio::test]
async fn whole_numbers_may_be_written_as_doubles() {
    let target = Target::start().await;
    let inbox = target.inbox("alice");
    for n in 1..=3 {
        target.send(&inbox, &n.to_string()).await;
    }
    let alice = target.token(&json!({"sub": target.name("alice")}));
    let read = target
        .call(
            Method::POST,
            &format!("/v1/channels/{inbox}/read"),
            Some(&alice),
            &[],
            Some(r#"{"seq": 2.0}"#.to_owned()),
        )
        .await;
    assert_eq!((read.status, &read.body["seq"], &read.body["unread"]), (200, &json!(2), &json!(1)));
    let path = format!("/v1/notifications?channel={inbox}:1.0&limit=2.0&wait=0.0");
    let polled = target.call(Method::GET, &path, Some(&alice), &[], None).await;
    assert_eq!((polled.status, &polled.body["channels"][0]["seq"]), (200, &json!(3)), "{polled:?}");
    let added = target
        .call(
            Method::POST,
            &format!("/v1/channels/{inbox}/endpoints"),
            Some(&alice),
            &[],
            Some(json!({"kind": "webhook", "url": "https://hooks.example.invalid/"}).to_string()),
        )
        .await;
    let endpoint = format!("/v1/channels/{inbox}/endpoints/{}", added.body["id"].as_str().unwrap());
    let replay = format!("{endpoint}/replay");
    let replayed = target.call(Method::POST, &replay, Some(&alice), &[], Some(r#"{"seq": 3e0}"#.to_owned())).await;
    assert_eq!((replayed.status, &replayed.body["seq"]), (202, &json!(3)), "{replayed:?}");
    assert_eq!(target.call(Method::DELETE, &endpoint, Some(&alice), &[], None).await.status, 204);

    let mut socket = target.connect(&target.name("alice")).await;
    socket.send_text(&format!(r#"{{"action":"subscribe","channel":"{inbox}","after":1.0,"ref":1.0}}"#)).await;
    assert_eq!(socket.next().await["items"][0]["seq"], 2);
    let subscribed = socket.next().await;
    assert_eq!((&subscribed["type"], &subscribed["ref"]), (&json!("subscribed"), &json!(1.0)), "{subscribed}");
    socket.send_text(&format!(r#"{{"action":"read","channel":"{inbox}","seq":3.0}}"#)).await;
    assert_eq!(socket.next().await["unread"], 0);
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_or_a_frame_is_passed_over() {
    let target = Target::start().await;
    let inbox = target.inbox("alice");
    let marked = |body: Value| format!("\u{feff}{body}");
    let sent = marked(json!({"to": inbox, "body": "\u{feff}x"}));
    let answer = target.call(Method::POST, "/v1/notifications", Some(&target.publisher()), &[], Some(sent)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let alice = target.token(&json!({"sub": target.name("alice")}));
    let read = format!("/v1/channels/{inbox}/read");
    let answer = target.call(Method::POST, &read, Some(&alice), &[], Some(marked(json!({"seq": 1})))).await;
    assert_eq!((answer.status, &answer.body["unread"]), (200, &json!(0)), "{answer:?}");
    let answer = target.call(Method::POST, "/v1/tickets", Some(&alice), &[], Some("\u{feff}".to_owned())).await;
    assert_eq!(answer.status, 201, "{answer:?}");

    let mut socket = target.connect(&target.name("alice")).await;
    socket.send_text(&marked(json!({"action": "subscribe", "channel": inbox, "after": 0, "ref": 1}))).await;
    assert_eq!(socket.next().await["items"][0]["body"], "\u{feff}x", "one within is a character as any");
    assert_eq!(socket.next().await["type"], "subscribed");
    socket.send_text(&marked(json!({"action": "ping"}))).await;
    assert_eq!(socket.next().await["type"], "pong");
}
