//! A notification travels.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::Target;

#[tokio::test]
async fn two_devices_of_one_user_both_get_it_and_another_user_does_not() {
    let target = Target::start().await;
    let (alices, bobs) = (target.inbox("alice"), target.inbox("bob"));
    let mut phone = target.connect(&target.name("alice")).await;
    let mut laptop = target.connect(&target.name("alice")).await;
    let mut bob = target.connect(&target.name("bob")).await;

    let answer = target.post(&json!({"to": alices, "title": "Build finished", "data": {"n": 1}})).await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        answer.body["channels"],
        json!([{"channel": alices, "seq": 1, "connections": 2, "endpoints": 0, "queued": false}])
    );
    for device in [&mut phone, &mut laptop] {
        let frame = device.next().await;
        assert_eq!((&frame["type"], &frame["channel"]), (&json!("notifications"), &json!(alices)));
        let item = &frame["items"][0];
        assert_eq!(item["id"], answer.body["id"]);
        assert_eq!(
            (&item["seq"], &item["title"], &item["data"]),
            (&json!(1), &json!("Build finished"), &json!({"n": 1}))
        );
        assert!(item["sent_at"].as_str().unwrap().ends_with('Z'));
    }

    let body = target.name("for bob");
    target.send(&bobs, &body).await;
    assert_eq!(bob.item().await["body"], body, "the first that bob gets is his own");
}

#[tokio::test]
async fn a_raw_socket_that_never_asks_for_replay_gets_every_push_when_nothing_fails() {
    let target = Target::start().await;
    let mut alice = target.connect(&target.name("alice")).await;
    for n in 1..=50 {
        assert_eq!(target.send(&target.inbox("alice"), &n.to_string()).await, n);
    }
    for n in 1..=50 {
        assert_eq!(alice.item().await["seq"], n);
    }
}

#[tokio::test]
async fn a_connection_joins_the_channels_in_its_token_and_those_that_it_subscribes_to() {
    let target = Target::start().await;
    let (news, builds) = (target.topic("news"), target.topic("builds"));
    let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": [news]});
    let mut alice = target.connect_with(&claims).await;
    target.send(&news, "by token").await;
    assert_eq!(alice.item().await["body"], "by token");

    let (items, subscribed) = alice.ask(json!({"action": "subscribe", "channel": builds})).await;
    assert_eq!(items, Vec::<Value>::new());
    assert_eq!(
        subscribed,
        json!({"type": "subscribed", "channel": builds, "seq": 0, "recovered": true, "more": false, "ref": "r"})
    );
    target.send(&builds, "by subscribe").await;
    assert_eq!(alice.item().await["body"], "by subscribe");

    let (_, left) = alice.ask(json!({"action": "unsubscribe", "channel": builds})).await;
    assert_eq!(left, json!({"type": "unsubscribed", "channel": builds, "ref": "r"}));
    target.send(&builds, "to nobody").await;
    target.send(&news, "to alice").await;
    assert_eq!(alice.item().await["body"], "to alice");
}

#[tokio::test]
async fn one_notification_goes_to_several_channels_under_one_id() {
    let target = Target::start().await;
    let (alices, bobs) = (target.inbox("alice"), target.inbox("bob"));
    let mut alice = target.connect(&target.name("alice")).await;
    let mut bob = target.connect(&target.name("bob")).await;
    target.send(&bobs, "first").await;
    bob.item().await;
    let answer = target.post(&json!({"to": [alices, bobs], "body": "both"})).await;
    let seqs: Vec<_> = answer.body["channels"].as_array().unwrap().iter().map(|c| c["seq"].clone()).collect();
    assert_eq!(seqs, [json!(1), json!(2)]);
    assert_eq!(alice.item().await["id"], answer.body["id"]);
    assert_eq!(bob.item().await["id"], answer.body["id"]);
}

#[tokio::test]
async fn what_is_not_stored_is_pushed_without_a_seq_and_leaves_no_trace() {
    let target = Target::start().await;
    let alices = target.inbox("alice");
    let mut alice = target.connect(&target.name("alice")).await;
    let answer = target.post(&json!({"to": alices, "body": "typing…", "store": false})).await;
    assert_eq!(answer.status, 202);
    let expected = json!([{"channel": alices, "connections": 1, "endpoints": 0, "queued": false}]);
    assert_eq!(answer.body["channels"], expected);
    let item = alice.item().await;
    assert_eq!((&item["body"], item.get("seq")), (&json!("typing…"), None));
    assert_eq!(target.channel(&alices).await["seq"], 0);
}

#[tokio::test]
async fn a_client_publishes_over_its_socket() {
    let target = Target::start().await;
    let order = format!("order:{}", target.name("4711"));
    let claims = json!({"sub": target.name("alice"), "publish": [order], "subscribe": [order], "channels": [order]});
    let mut alice = target.connect_with(&claims).await;
    let frame = json!({"action": "publish", "to": order, "data": {"paid": true}, "key": "k-1", "ref": 3});
    let (items, published) = alice.ask(frame.clone()).await;
    assert_eq!(items[0]["data"], json!({"paid": true}), "the publisher listens too");
    assert_eq!(published["type"], "published");
    assert_eq!(published["channels"], json!([{"channel": order, "seq": 1}]));

    let (items, again) = alice.ask(frame).await;
    assert_eq!((items.len(), &again), (0, &published), "the same key sends once");
    let other = json!({"action": "publish", "to": order, "data": {"paid": false}, "key": "k-1"});
    let (_, refused) = alice.ask(other).await;
    assert_eq!((&refused["code"], &refused["field"]), (&json!("idempotency_key_reused"), &json!("key")));
}

#[tokio::test]
async fn an_inbox_is_marked_as_read_over_http_and_over_the_socket_and_never_back() {
    let target = Target::start().await;
    let (sub, inbox) = (target.name("alice"), target.inbox("alice"));
    let alice = target.token(&json!({ "sub": sub }));
    for n in 1..=5 {
        target.send(&inbox, &n.to_string()).await;
    }
    assert_eq!(target.channel(&inbox).await["unread"], 5);
    let read = async |seq: u64| {
        let body = json!({ "seq": seq }).to_string();
        target.call(Method::POST, &format!("/v1/channels/{inbox}/read"), Some(&alice), &[], Some(body)).await.body
    };
    assert_eq!(read(3).await, json!({"channel": inbox, "seq": 3, "unread": 2}));
    for earlier in [2, 0] {
        assert_eq!(read(earlier).await, json!({"channel": inbox, "seq": 3, "unread": 2}), "never back");
    }
    assert_eq!(read(99).await, json!({"channel": inbox, "seq": 5, "unread": 0}), "never past the newest");

    target.send(&inbox, "6").await;
    let mut socket = target.connect(&sub).await;
    let (items, subscribed) = socket.ask(json!({"action": "subscribe", "channel": inbox, "after": 5})).await;
    assert_eq!((items.len(), &subscribed["unread"]), (1, &json!(1)));
    let (_, answer) = socket.ask(json!({"action": "read", "channel": inbox, "seq": 6})).await;
    assert_eq!(answer, json!({"type": "read", "channel": inbox, "seq": 6, "unread": 0, "ref": "r"}));
}

#[tokio::test]
async fn a_channel_tells_how_it_stands() {
    let target = Target::start().await;
    let news = target.topic("news");
    let never_used = target.channel(&news).await;
    assert_eq!(never_used, json!({"channel": news, "seq": 0, "connections": 0, "endpoints": 0}));
    let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": [news]});
    let _alice = target.connect_with(&claims).await;
    target.send(&news, "1").await;
    target.send(&news, "2").await;
    let used = target.channel(&news).await;
    assert_eq!(used, json!({"channel": news, "seq": 2, "oldest": 1, "connections": 1, "endpoints": 0}));
}

#[tokio::test]
async fn names_with_every_allowed_character_are_found_in_a_path() {
    let target = Target::start().await;
    for name in ["user:alice@example.org", "user:auth0|5f~7c", "topic:A-z.0_9=+"] {
        let name = target.name(name);
        target.send(&name, "here").await;
        assert_eq!(target.channel(&name.replace('|', "%7C")).await["seq"], 1, "{name}");
    }
}

#[tokio::test]
async fn ping_is_answered() {
    let target = Target::start().await;
    let mut alice = target.connect(&target.name("alice")).await;
    alice.send(&json!({"action": "ping"})).await;
    assert_eq!(alice.next().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn health_needs_no_token() {
    let target = Target::start().await;
    let answer = target.call(Method::GET, "/v1/health", None, &[], None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("up")));
    assert!(!answer.body["version"].as_str().unwrap().is_empty());
}
