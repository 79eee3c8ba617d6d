//! The messages for each platform.

use domain::channel::Channel;
use domain::content::{Content, Priority};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::message::{LONGEST, collapse_id};
use super::*;
use crate::outgoing_delivery::tests::{content, data, delivery, inbox};

const PLATFORMS: [Platform; 4] = [Platform::Apns, Platform::ApnsSandbox, Platform::Gcm, Platform::Adm];

fn push(platform: Platform, content: &Content) -> MobilePushMessage {
    MobilePushMessage::of(platform, &OutgoingDelivery { ttl: Some(3600), ..delivery(&inbox(), content) })
}

/// The platform's text, which stands in the message as a string.
fn text(platform: Platform, push: &MobilePushMessage) -> String {
    let message: Value = serde_json::from_str(&push.message).unwrap();
    assert_eq!(message.as_object().unwrap().len(), 2, "the platform's and the default: {message}");
    assert!(!message["default"].as_str().unwrap().is_empty());
    message[platform.as_str()].as_str().unwrap().to_owned()
}

fn read(platform: Platform, content: &Content) -> Value {
    serde_json::from_str(&text(platform, &push(platform, content))).unwrap()
}

fn everything() -> Content {
    let mut content = content(Some("Build"), Some("main is \"green\""));
    content.url = Some("https://a.example/1".into());
    content.data = Some((&json!({"run": 7})).into());
    content.collapse_key = Some("build-42".to_owned().try_into().unwrap());
    content
}

#[test]
fn apple_gets_an_alert_with_the_badge_and_our_keys_beside_it() {
    let id = "0197f0a0-0000-7000-8000-000000000001";
    assert_eq!(
        read(Platform::ApnsSandbox, &everything()),
        json!({
            "aps": {"alert": {"title": "Build", "body": "main is \"green\""}, "badge": 3, "thread-id": "user:alice"},
            "channel": "user:alice", "seq": 42, "id": id, "url": "https://a.example/1", "data": {"run": 7},
        })
    );
    let collapse_id = collapse_id(&delivery(&inbox(), &everything())).unwrap();
    let attributes = |ttl| {
        [
            ("AWS.SNS.MOBILE.APNS.PUSH_TYPE", "alert".to_owned()),
            ("AWS.SNS.MOBILE.APNS.PRIORITY", "10".to_owned()),
            ("AWS.SNS.MOBILE.APNS.COLLAPSE_ID", collapse_id.clone()),
            (ttl, "3600".to_owned()),
        ]
    };
    assert_eq!(push(Platform::Apns, &everything()).attributes, attributes("AWS.SNS.MOBILE.APNS.TTL"));
    assert_eq!(push(Platform::ApnsSandbox, &everything()).attributes, attributes("AWS.SNS.MOBILE.APNS_SANDBOX.TTL"));
}

#[test]
fn google_gets_its_v1_message_with_strings_only_as_data() {
    let collapse_id = collapse_id(&delivery(&inbox(), &everything())).unwrap();
    assert_eq!(
        read(Platform::Gcm, &everything()),
        json!({"fcmV1Message": {"message": {
            "notification": {"title": "Build", "body": "main is \"green\""},
            "android": {
                "priority": "high", "collapse_key": collapse_id, "ttl": "3600s",
                "notification": {"tag": collapse_id, "notification_count": 3},
            },
            "data": {
                "channel": "user:alice", "seq": "42", "id": "0197f0a0-0000-7000-8000-000000000001",
                "url": "https://a.example/1", "data": "{\"run\":7}",
            },
        }}})
    );
    let attributes = push(Platform::Gcm, &everything()).attributes;
    assert_eq!(attributes, [("AWS.SNS.MOBILE.FCM.TTL", "3600".to_owned())]);
}

#[test]
fn amazon_gets_strings_for_the_application() {
    let payload = read(Platform::Adm, &everything());
    assert_eq!(payload["expiresAfter"], 3600);
    assert_eq!(payload["data"]["title"], "Build");
    assert_eq!(payload["data"]["unread"], "3");
    assert!(payload["data"].as_object().unwrap().values().all(Value::is_string), "{payload}");
}

#[test]
fn what_nobody_can_read_wakes_the_application_and_shows_nothing() {
    let mut silent = data(json!([1, 2]));
    let payload = read(Platform::Apns, &silent);
    assert_eq!(payload["aps"], json!({"content-available": 1}));
    assert_eq!(payload["data"], json!([1, 2]));
    let apns = push(Platform::Apns, &silent).attributes;
    assert_eq!(apns[0], ("AWS.SNS.MOBILE.APNS.PUSH_TYPE", "background".to_owned()));
    assert_eq!(apns[1], ("AWS.SNS.MOBILE.APNS.PRIORITY", "5".to_owned()));
    let message = &read(Platform::Gcm, &silent)["fcmV1Message"]["message"];
    assert_eq!((&message["notification"], &message["android"]["notification"]), (&Value::Null, &Value::Null));
    assert_eq!(message["android"]["priority"], "normal");

    silent.priority = Some(Priority::High);
    assert_eq!(push(Platform::Apns, &silent).attributes[1].1, "5", "Apple takes no other for these");
    assert_eq!(read(Platform::Gcm, &silent)["fcmV1Message"]["message"]["android"]["priority"], "high");
}

#[test]
fn low_priority_lets_the_phone_sleep() {
    let low = Content { priority: Some(Priority::Low), ..everything() };
    assert_eq!(push(Platform::Apns, &low).attributes[1].1, "5");
    assert_eq!(read(Platform::Gcm, &low)["fcmV1Message"]["message"]["android"]["priority"], "normal");
}

#[test]
fn data_is_left_out_before_the_body_is_cut_and_the_application_is_told() {
    let large_data = Content { data: Some((&json!("d".repeat(5000))).into()), ..everything() };
    let payload = read(Platform::Apns, &large_data);
    assert_eq!((&payload["data"], &payload["cut"]), (&Value::Null, &json!(true)));
    assert_eq!(payload["aps"]["alert"]["body"], "main is \"green\"");
    assert_eq!(read(Platform::Gcm, &large_data)["fcmV1Message"]["message"]["data"]["cut"], "true");

    let large_body = Content { body: Some("ü".repeat(5000)), ..everything() };
    let push = push(Platform::Apns, &large_body);
    let text = text(Platform::Apns, &push);
    assert!((4090..=4096).contains(&text.len()), "{}", text.len());
    let payload: Value = serde_json::from_str(&text).unwrap();
    assert!(payload["aps"]["alert"]["body"].as_str().unwrap().ends_with("ü…"));
    assert_eq!(payload["url"], "https://a.example/1");
}

#[test]
fn keys_of_two_channels_do_not_collapse() {
    let (alice, news) = (inbox(), Channel::parse("topic:news").unwrap());
    let content = everything();
    let id = |channel| collapse_id(&delivery(channel, &content)).unwrap();
    assert_ne!(id(&alice), id(&news));
    assert_eq!(id(&alice), id(&alice));
    assert_eq!(id(&alice).len(), 43);
}

#[test]
fn a_time_to_live_stays_within_what_the_services_take() {
    let (channel, content) = (inbox(), everything());
    for (given, sent) in [(-5, "1"), (0, "1"), (60, "60"), (i64::MAX, "2419200")] {
        let push = MobilePushMessage::of(
            Platform::Gcm,
            &OutgoingDelivery { ttl: Some(given), ..delivery(&channel, &content) },
        );
        assert_eq!(push.attributes, [("AWS.SNS.MOBILE.FCM.TTL", sent.to_owned())]);
    }
    let push = MobilePushMessage::of(Platform::Gcm, &delivery(&channel, &content));
    assert!(push.attributes.is_empty(), "without one the service decides");
}

proptest! {
    #[test]
    fn every_text_is_json_and_fits_and_shows_something(
        title in prop::option::of("[\\s\\S]{0,1500}"), body in prop::option::of("[\\s\\S]{0,3000}"),
        url in prop::option::of("[\\s\\S]{0,1500}"), data in prop::option::of("[\\s\\S]{0,3000}"),
        name in "[a-z]{1,32}:[a-z]{1,180}", platform in prop::sample::select(&PLATFORMS[..]),
    ) {
        let channel = Channel::parse(&name).unwrap();
        let content = Content { url, data: data.map(|data| (&Value::from(data)).into()), ..content(title.as_deref(), body.as_deref()) };
        let delivery = OutgoingDelivery { unread: Some(u64::MAX), ttl: Some(i64::MAX), ..delivery(&channel, &content) };
        let push = MobilePushMessage::of(platform, &delivery);
        let text = text(platform, &push);
        prop_assert!(text.len() <= LONGEST, "{}", text.len());
        let payload: Value = serde_json::from_str(&text).unwrap();
        let [apple, google] = [&payload["aps"]["alert"], &payload["fcmV1Message"]["message"]["notification"]];
        if delivery.is_readable() && platform != Platform::Adm {
            prop_assert!([apple, google].iter().any(|shown| shown["title"].is_string() || shown["body"].is_string()));
        } else {
            prop_assert!(apple.is_null() && google.is_null());
        }
    }
}
