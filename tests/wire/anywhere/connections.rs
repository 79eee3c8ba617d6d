//! Connections come and go.

use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Socket, Target};

async fn until_nobody_listens_to(target: &Target, channel: &str) {
    target.until("nobody listens", || async { target.channel(channel).await["connections"] == 0 }).await;
}

#[tokio::test]
async fn a_closed_connection_is_forgotten_in_all_its_channels() {
    let target = Target::start().await;
    let channels = ["a", "b", "c"].map(|name| target.topic(name));
    let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": channels[..2]});
    let mut alice = target.connect_with(&claims).await;
    alice.ask(json!({"action": "subscribe", "channel": channels[2]})).await;
    for channel in channels.iter().chain([&target.inbox("alice")]) {
        assert_eq!(target.channel(channel).await["connections"], 1, "{channel}");
    }
    alice.close().await;
    for channel in channels.iter().chain([&target.inbox("alice")]) {
        until_nobody_listens_to(&target, channel).await;
    }
}

#[tokio::test]
async fn a_connection_dropped_without_a_word_is_forgotten() {
    let target = Target::start().await;
    target.connect(&target.name("alice")).await.drop_abruptly();
    until_nobody_listens_to(&target, &target.inbox("alice")).await;
    let answer = target.post(&json!({"to": target.inbox("alice"), "body": "anybody?"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["connections"]), (202, &json!(0)));
}

#[tokio::test]
async fn sends_beside_a_subscribe_reach_it_by_push_or_replay() {
    let target = Target::start().await;
    for round in 0..10 {
        let channel = target.topic(&format!("round-{round}"));
        let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"]});
        let mut alice = target.connect_with(&claims).await;
        alice.send(&json!({"action": "subscribe", "channel": channel, "after": 0, "ref": 1})).await;
        let (mut subscribed, mut items) = (false, 0);
        let listening = async {
            while !subscribed || items == 0 {
                let frame = alice.next().await;
                subscribed |= frame["type"] == "subscribed";
                items += frame["items"].as_array().map_or(0, Vec::len);
            }
        };
        tokio::join!(listening, target.send(&channel, "beside"));
        alice.close().await;
    }
}

/// The row of a connection whose `$disconnect` never came: the gateway answers 410 to posts there.
#[tokio::test]
async fn a_connection_that_is_gone_is_removed_by_the_next_post_and_only_it() {
    let target = Target::start().await;
    let Some((client, table)) = target.subscribers().await else {
        return target.skip("the name of the table Subscribers is not known");
    };
    let news = target.topic("news");
    let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": [news]});
    let gone = target.connect_with(&claims).await;
    let rows = client
        .query()
        .table_name(&table)
        .consistent_read(true)
        .key_condition_expression("channel = :c")
        .expression_attribute_values(":c", AttributeValue::S(news.clone()))
        .send()
        .await
        .unwrap();
    let [row] = rows.items() else { panic!("{rows:?}") };
    let mut row = row.clone();
    gone.close().await;
    until_nobody_listens_to(&target, &news).await;

    // Opened long ago: a young connection's `$connect` might still be running.
    row.insert("connected_at".to_owned(), AttributeValue::N("1000000000000".to_owned()));
    client.put_item().table_name(&table).set_item(Some(row)).send().await.unwrap();
    let mut there = target.connect_with(&claims).await;
    assert_eq!(target.channel(&news).await["connections"], 2);
    let answer = target.post(&json!({"to": news, "body": "to those who are there"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["connections"]), (202, &json!(1)));
    assert_eq!(there.item().await["body"], "to those who are there");
    assert_eq!(target.channel(&news).await["connections"], 1);
}

#[tokio::test]
async fn a_users_connections_are_cut_by_themselves_or_by_a_publisher() {
    let target = Target::start().await;
    let (alices, bobs) = (target.name("alice"), target.name("bob"));
    let (mut one, mut two) = (target.connect(&alices).await, target.connect(&alices).await);
    let mut bob = target.connect(&bobs).await;
    let token = target.token(&json!({ "sub": alices }));
    let answer = target.call(Method::DELETE, &format!("/v1/users/{alices}/connections"), Some(&token), &[], None).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"connections": 2})));
    assert!(one.next_or_close().await.is_err());
    assert!(two.next_or_close().await.is_err());
    until_nobody_listens_to(&target, &target.inbox("alice")).await;
    target.send(&target.inbox("bob"), "still here").await;
    assert_eq!(bob.item().await["body"], "still here");
    let by = target.publisher();
    let answer = target.call(Method::DELETE, &format!("/v1/users/{bobs}/connections"), Some(&by), &[], None).await;
    assert_eq!(answer.body, json!({"connections": 1}));
    assert!(bob.next_or_close().await.is_err());
}

/// A supervisor who reads everybody's inboxes: at once when connecting, and later.
#[tokio::test]
async fn a_guest_in_an_inbox_hears_it_and_is_not_taken_for_its_owner() {
    let target = Target::start().await;
    let (inbox, news) = (target.inbox("alice"), target.topic("news"));
    let supervisor = |name: &str, channels: &[&String]| json!({"sub": target.name(name), "subscribe": ["user:*", "topic:*"], "channels": channels});
    let mut from_the_start = target.connect_with(&supervisor("carol", &[&inbox, &news])).await;
    let mut later = target.connect_with(&supervisor("dave", &[&news])).await;
    later.ask(json!({"action": "subscribe", "channel": inbox})).await;
    let offline = json!({"kind": "webhook", "url": "https://hooks.example.invalid/", "only_when_offline": true});
    let path = format!("/v1/channels/{inbox}/endpoints");
    let alices = target.token(&json!({"sub": target.name("alice")}));
    let added = target.call(Method::POST, &path, Some(&alices), &[], Some(offline.to_string())).await;
    assert_eq!(added.status, 201, "{added:?}");

    assert_eq!(target.channel(&inbox).await["connections"], 0, "alice has none");
    let counts = async |body: &str| {
        let answer = target.post(&json!({"to": inbox, "body": body})).await;
        let told = &answer.body["channels"][0];
        (told["connections"].as_u64().unwrap(), told["endpoints"].as_u64().unwrap())
    };
    assert_eq!(counts("to nobody").await, (0, 1), "alice is offline");
    let mut alice = target.connect(&target.name("alice")).await;
    assert_eq!(target.channel(&inbox).await["connections"], 1);
    assert_eq!(counts("to alice").await, (1, 0), "alice is online");
    assert_eq!(alice.item().await["body"], "to alice");

    let close = format!("/v1/users/{}/connections", target.name("alice"));
    let closed = target.call(Method::DELETE, &close, Some(&alices), &[], None).await;
    assert_eq!(closed.body, json!({"connections": 1}), "her own");
    assert!(alice.next_or_close().await.is_err());
    target.send(&news, "still here").await;
    for guest in [&mut from_the_start, &mut later] {
        for body in ["to nobody", "to alice", "still here"] {
            assert_eq!(guest.item().await["body"], body);
        }
    }
    let id = added.body["id"].as_str().unwrap();
    target.call(Method::DELETE, &format!("{path}/{id}"), Some(&alices), &[], None).await;
}

#[tokio::test]
async fn the_subprotocol_pair_carries_the_token_and_is_answered_with_tidings() {
    let target = Target::start().await;
    let token = target.token(&json!({"sub": target.name("alice")}));
    let pair = format!("tidings, bearer.{token}");
    let mut alice = Socket::open(&target.websocket, &[("sec-websocket-protocol", &pair)]).await.unwrap();
    assert_eq!(alice.protocol.as_deref(), Some("tidings"));
    target.send(&target.inbox("alice"), "hello").await;
    assert_eq!(alice.item().await["body"], "hello");
    let plain = target.try_connect(&token).await.unwrap();
    assert_eq!(plain.protocol, None, "who asks for none gets none");
}
