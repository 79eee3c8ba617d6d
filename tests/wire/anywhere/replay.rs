//! Catching up after a reconnect.

use serde_json::{Value, json};

use crate::harness::{Socket, Target};

pub(crate) async fn after(socket: &mut Socket, channel: &str, after: Option<u64>) -> (Vec<u64>, Value) {
    let mut frame = json!({"action": "subscribe", "channel": channel});
    if let Some(after) = after {
        frame["after"] = json!(after);
    }
    let (items, subscribed) = socket.ask(frame).await;
    (items.iter().map(|item| item["seq"].as_u64().unwrap()).collect(), subscribed)
}

pub(crate) fn says(subscribed: &Value, seq: u64, recovered: bool, more: bool) {
    let told = (&subscribed["seq"], &subscribed["recovered"], &subscribed["more"], subscribed.get("reset"));
    assert_eq!(told, (&json!(seq), &json!(recovered), &json!(more), None), "{subscribed}");
}

async fn fill(target: &Target, channel: &str, notifications: u64) {
    for n in 1..=notifications {
        target.send(channel, &n.to_string()).await;
    }
}

#[tokio::test]
async fn a_reconnect_replays_what_was_missed() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    fill(&target, alices, 2).await;
    target.connect(&target.name("alice")).await.close().await;
    target.send(alices, "3").await;
    let mut alice = target.connect(&target.name("alice")).await;
    let (items, subscribed) = after(&mut alice, alices, Some(1)).await;
    assert_eq!(items, [2, 3]);
    says(&subscribed, 3, true, false);
    let (items, subscribed) = after(&mut alice, alices, Some(3)).await;
    assert_eq!(items, Vec::<u64>::new());
    says(&subscribed, 3, true, false);
}

#[tokio::test]
async fn a_long_replay_comes_in_pages() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    fill(&target, alices, 250).await;
    let mut alice = target.connect(&target.name("alice")).await;
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, 0);
    loop {
        let (items, subscribed) = after(&mut alice, alices, Some(cursor)).await;
        seen.extend(items);
        pages += 1;
        cursor = subscribed["seq"].as_u64().unwrap();
        says(&subscribed, cursor, true, pages < 3);
        if subscribed["more"] == false {
            break;
        }
    }
    assert_eq!(seen, (1..=250).collect::<Vec<_>>());
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn a_replay_larger_than_a_frame_comes_in_several() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    for _ in 0..8 {
        target.send(alices, &"x".repeat(20_000)).await;
    }
    let mut alice = target.connect(&target.name("alice")).await;
    let (items, subscribed) = after(&mut alice, alices, Some(0)).await;
    assert_eq!(items, (1..=8).collect::<Vec<_>>());
    says(&subscribed, 8, true, false);
}

/// A quarter of a megabyte an answer, and what began it: a slow link brings that before its reader asks again.
#[tokio::test]
async fn large_notifications_come_in_portions() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    for _ in 0..20 {
        target.send(alices, &"x".repeat(30_000)).await;
    }
    let mut alice = target.connect(&target.name("alice")).await;
    for beginning in [Some(0), None] {
        let (mut seen, mut cursor) = (Vec::new(), beginning);
        for (count, more) in [(9, true), (9, true), (2, false)] {
            let (items, subscribed) = after(&mut alice, alices, cursor).await;
            assert_eq!(items.len(), count);
            seen.extend(items);
            cursor = subscribed["seq"].as_u64();
            says(&subscribed, seen.len() as u64, true, more);
        }
        assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_cursor_beyond_the_log_is_reset() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    fill(&target, alices, 3).await;
    let mut alice = target.connect(&target.name("alice")).await;
    let (items, subscribed) = after(&mut alice, alices, Some(41)).await;
    assert_eq!(items, Vec::<u64>::new());
    let told = (&subscribed["seq"], &subscribed["recovered"], &subscribed["reset"]);
    assert_eq!(told, (&json!(3), &json!(false), &json!(true)));

    let mut bob = target.connect(&target.name("bob")).await;
    let (_, subscribed) = after(&mut bob, &target.inbox("bob"), Some(41)).await;
    assert_eq!((&subscribed["seq"], &subscribed["reset"]), (&json!(0), &json!(true)), "a channel never used");
}

#[tokio::test]
async fn without_a_cursor_the_newest_fifty_come_in_order() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    fill(&target, alices, 60).await;
    let mut alice = target.connect(&target.name("alice")).await;
    let (items, subscribed) = after(&mut alice, alices, None).await;
    assert_eq!(items, (11..=60).collect::<Vec<_>>());
    says(&subscribed, 60, true, false);
}

#[tokio::test]
async fn of_a_collapse_key_only_the_newest_is_replayed_and_what_has_outlived_its_ttl_is_not() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    for (n, key) in [(1, Some("build")), (2, None), (3, Some("build")), (4, Some("other"))] {
        target.post(&json!({"to": alices, "body": n.to_string(), "collapse_key": key})).await;
    }
    target.post(&json!({"to": alices, "body": "brief", "ttl": "1s"})).await;
    let mut alice = target.connect(&target.name("alice")).await;
    target
        .until("the ttl has passed", || async {
            let mut socket = target.connect(&target.name("alice")).await;
            after(&mut socket, alices, Some(4)).await.0.is_empty()
        })
        .await;
    let (items, subscribed) = after(&mut alice, alices, Some(0)).await;
    assert_eq!(items, [2, 3, 4]);
    says(&subscribed, 5, true, false);
}

#[tokio::test]
async fn what_a_newer_one_has_superseded_stays_so_when_that_has_outlived_its_ttl() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    target.post(&json!({"to": alices, "body": "running", "collapse_key": "build"})).await;
    target.post(&json!({"to": alices, "body": "done", "collapse_key": "build", "ttl": "1s"})).await;
    let mut alice = target.connect(&target.name("alice")).await;
    target
        .until("the ttl has passed", || async {
            let mut socket = target.connect(&target.name("alice")).await;
            after(&mut socket, alices, Some(1)).await.0.is_empty()
        })
        .await;
    for cursor in [Some(0), None] {
        let (items, subscribed) = after(&mut alice, alices, cursor).await;
        assert_eq!(items, Vec::<u64>::new());
        says(&subscribed, 2, true, false);
        assert_eq!(subscribed["unread"], 0, "nothing is to be seen");
    }
}

/// 1 MB is what one answer of DynamoDB holds.
#[tokio::test]
async fn without_a_cursor_the_newest_fifty_come_however_large_they_are_or_how_many_are_not_to_be_seen() {
    let target = Target::start().await;
    let (large, kept) = (&target.inbox("large"), &target.inbox("kept"));
    for n in 1..=55 {
        target.send(large, &format!("{n}{}", "x".repeat(31_000))).await;
        target.send(kept, &n.to_string()).await;
    }
    for n in 56..=75 {
        target.post(&json!({"to": kept, "body": n.to_string(), "collapse_key": "k"})).await;
    }
    for (name, channel, seqs, seq) in
        [("large", large, (6..=55).collect::<Vec<_>>(), 55), ("kept", kept, (7..=55).chain([75]).collect(), 75)]
    {
        let mut reader = target.connect(&target.name(name)).await;
        let (mut items, mut subscribed) = after(&mut reader, channel, None).await;
        while subscribed["more"] == true {
            let (next, answer) = after(&mut reader, channel, subscribed["seq"].as_u64()).await;
            items.extend(next);
            subscribed = answer;
        }
        assert_eq!(items, seqs, "{name}");
        says(&subscribed, seq, true, false);
    }
}

#[tokio::test]
async fn what_is_unread_is_what_is_to_be_seen() {
    let target = Target::start().await;
    let alices = &target.inbox("alice");
    let unread = async || target.channel(alices).await["unread"].as_u64().unwrap();
    let post = async |more: Value| {
        let mut body = json!({"to": alices, "body": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(target.post(&body).await.status, 202);
    };
    for _ in 0..4 {
        post(json!({"collapse_key": "build"})).await;
    }
    post(json!({})).await;
    assert_eq!(unread().await, 2, "the newest of the key, and the other");
    post(json!({"ttl": "1s"})).await;
    post(json!({"collapse_key": "build"})).await;
    post(json!({})).await;
    target.until("the ttl has passed", async || unread().await == 3).await;
    let mut alice = target.connect(&target.name("alice")).await;
    let (items, subscribed) = after(&mut alice, alices, Some(0)).await;
    assert_eq!((items.len(), &subscribed["unread"]), (3, &json!(3)));
    for (seq, left) in [(1, 3), (5, 2), (7, 1), (8, 0)] {
        let read = alice.ask(json!({"action": "read", "channel": alices, "seq": seq})).await.1;
        assert_eq!(read["unread"], left, "read up to {seq}");
    }
}
