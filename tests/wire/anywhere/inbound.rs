//! Publishers that only know SNS reach every listener.

use std::collections::HashMap;

use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::json;

use super::poll::{only, poll};
use crate::harness::Target;

/// Publishes as an AWS SDK does, to a channel where one is named, and gives the message's id; `None` where the topic is not
/// known, which is said.
pub(crate) async fn publish(
    target: &Target,
    channel: Option<&str>,
    subject: Option<&str>,
    message: &str,
) -> Option<String> {
    target.said.text(message);
    target.said.json(&serde_json::from_str(message).unwrap_or_default());
    let Some((client, topic)) = target.inbound().await else {
        target.skip("the topic is not known");
        return None;
    };
    let attribute = channel.map(|channel| {
        let value = MessageAttributeValue::builder().data_type("String").string_value(channel).build().unwrap();
        HashMap::from([("channel".to_owned(), value)])
    });
    let request = client.publish().topic_arn(topic).message(message).set_message_attributes(attribute);
    let answer = request.set_subject(subject.map(str::to_owned)).send().await.unwrap();
    Some(answer.message_id().unwrap().to_owned())
}

#[tokio::test]
async fn what_is_published_comes_over_the_socket_and_to_a_waiting_long_poll() {
    let target = Target::start().await;
    let alices = target.inbox("alice");
    target.send(&alices, "before").await;
    let mut alice = target.connect(&target.name("alice")).await;
    let cursors = [format!("{alices}:1")];
    let waiting = poll(&target, &cursors, &[("wait", "25")]);
    let publishing = publish(&target, Some(&alices), Some("Backup"), "done in 4 minutes");
    let (answer, published) = tokio::join!(waiting, publishing);
    if published.is_none() {
        return;
    }
    let (channel, seqs) = only(&answer);
    let item = &channel["items"][0];
    assert_eq!((seqs, &item["title"], &item["body"]), (vec![2], &json!("Backup"), &json!("done in 4 minutes")));
    assert_eq!(alice.item().await["id"], item["id"]);
}

#[tokio::test]
async fn a_message_is_a_notification_an_alarm_or_an_event_told_in_words() {
    let target = Target::start().await;
    let (news, alices) = (target.topic("news"), target.inbox("alice"));
    let notification = json!({"to": [news, alices], "title": "Shipped", "data": {"order": 7}});
    if publish(&target, None, None, &notification.to_string()).await.is_none() {
        return;
    }
    for channel in [&news, &alices] {
        let answer = poll(&target, &[format!("{channel}:0")], &[("wait", "25")]).await;
        let item = &only(&answer).0["items"][0];
        assert_eq!((&item["title"], &item["data"]), (&json!("Shipped"), &json!({"order": 7})));
    }
    let alarm =
        json!({"AlarmName": "errors", "NewStateValue": "ALARM", "NewStateReason": "7 > 5", "OldStateValue": "OK"});
    publish(&target, Some(&news), None, &alarm.to_string()).await;
    let answer = poll(&target, &[format!("{news}:1")], &[("wait", "25")]).await;
    let item = &only(&answer).0["items"][0];
    assert_eq!((&item["title"], &item["priority"]), (&json!("ALARM: errors"), &json!("high")));
    let object = json!({"bucket": {"name": "invoices"}, "object": {"key": "a+b.pdf", "size": 5}});
    let event = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": object}]});
    publish(&target, Some(&news), None, &event.to_string()).await;
    let answer = poll(&target, &[format!("{news}:2")], &[("wait", "25")]).await;
    assert_eq!(only(&answer).0["items"][0]["body"], "a b.pdf (5 bytes)");
}

#[tokio::test]
async fn the_channel_that_a_message_names_gets_it_whatever_it_looks_like() {
    let target = Target::start().await;
    let alices = target.inbox("alice");
    let mut alice = target.connect(&target.name("alice")).await;
    let event =
        json!({"specversion": "1.0", "id": "7", "source": "/orders", "type": "order.paid", "data": {"total": 9.5}});
    let foreign = json!({"title": "Disk full", "number": 7, "labels": []});
    let long = "x".repeat(100_000);
    for (is_named_inside, message, title) in [
        (true, format!(r#"{{"to": "{alices}", "title": "Half a pair: \ud83d"}}"#), "Half a pair: \u{fffd}"),
        (true, format!("\u{feff}{{\"to\": \"{alices}\", \"title\": \"From Windows\"}}"), "From Windows"),
        (false, event.to_string(), "order.paid"),
        (false, foreign.to_string(), "Disk full"),
        (false, long.clone(), "Backup"),
        (true, json!({"to": alices, "title": "Long", "body": long}).to_string(), "Long"),
    ] {
        let channel = (!is_named_inside).then_some(alices.as_str());
        if publish(&target, channel, Some("Backup"), &message).await.is_none() {
            return;
        }
        let item = alice.item().await;
        assert_eq!(item["title"], title, "{item}");
        match title {
            "order.paid" => assert_eq!(item["data"], event),
            "Disk full" => assert_eq!(item["data"], foreign),
            "Backup" | "Long" => assert!(item["body"].as_str().is_some_and(|body| body.ends_with("x…")), "{item}"),
            _ => {}
        }
    }
}
