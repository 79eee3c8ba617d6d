//! Catching up after a reconnect.

use serde_json::{Value, json};

use crate::harness::{Socket, Stack};

async fn after(socket: &mut Socket, channel: &str, after: Option<u64>) -> (Vec<u64>, Value) {
    let mut frame = json!({"action": "subscribe", "channel": channel});
    if let Some(after) = after {
        frame["after"] = json!(after);
    }
    let (items, subscribed) = socket.ask(frame).await;
    (items.iter().map(|item| item["seq"].as_u64().unwrap()).collect(), subscribed)
}

fn says(subscribed: &Value, seq: u64, recovered: bool, more: bool) {
    let told = (&subscribed["seq"], &subscribed["recovered"], &subscribed["more"], subscribed.get("reset"));
    assert_eq!(told, (&json!(seq), &json!(recovered), &json!(more), None), "{subscribed}");
}

async fn stack_with(channel: &str, notifications: u64) -> Stack {
    let stack = Stack::start().await;
    for n in 1..=notifications {
        stack.send(channel, &n.to_string()).await;
    }
    stack
}

#[tokio::test]
async fn a_reconnect_replays_what_was_missed() {
    let stack = stack_with("user:alice", 2).await;
    stack.connect("alice").await.close().await;
    stack.send("user:alice", "3").await;
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(1)).await;
    assert_eq!(items, [2, 3]);
    says(&subscribed, 3, true, false);
    let (items, subscribed) = after(&mut alice, "user:alice", Some(3)).await;
    assert_eq!(items, Vec::<u64>::new());
    says(&subscribed, 3, true, false);
}

#[tokio::test]
async fn a_long_replay_comes_in_pages() {
    let stack = stack_with("user:alice", 250).await;
    let mut alice = stack.connect("alice").await;
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, 0);
    loop {
        let (items, subscribed) = after(&mut alice, "user:alice", Some(cursor)).await;
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
    let stack = Stack::start().await;
    for _ in 0..8 {
        stack.send("user:alice", &"x".repeat(20_000)).await;
    }
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(0)).await;
    assert_eq!(items, (1..=8).collect::<Vec<_>>());
    says(&subscribed, 8, true, false);
}

#[tokio::test]
async fn expired_notifications_are_told() {
    let stack = stack_with("user:alice", 5).await;
    for (seq, deleted) in [(1, true), (2, true), (3, false)] {
        stack.expire("user:alice", seq, 1).await;
        if deleted {
            stack.delete_row("user:alice", seq).await;
        }
    }
    let mut alice = stack.connect("alice").await;
    for (cursor, recovered) in [(0, false), (1, false), (2, false), (3, true)] {
        let (items, subscribed) = after(&mut alice, "user:alice", Some(cursor)).await;
        assert_eq!(items, [4, 5], "after {cursor}");
        says(&subscribed, 5, recovered, false);
    }
}

#[tokio::test]
async fn a_log_that_expired_whole_is_told_and_goes_on_at_the_present_time() {
    let stack = stack_with("user:alice", 3).await;
    for seq in 1..=3 {
        stack.expire("user:alice", seq, 1).await;
        stack.delete_row("user:alice", seq).await;
    }
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(2)).await;
    assert_eq!(items, Vec::<u64>::new());
    says(&subscribed, 2, false, false);

    let next = stack.send("user:alice", "new").await;
    assert!(next > 1_700_000_000_000, "{next} is no time in milliseconds");
    assert_eq!(alice.item().await["seq"], next);
    let (items, subscribed) = after(&mut alice, "user:alice", Some(3)).await;
    assert_eq!(items, [next]);
    says(&subscribed, next, false, false);
    assert_eq!(stack.send("user:alice", "newer").await, next + 1);
}

#[tokio::test]
async fn a_cursor_beyond_the_log_is_reset() {
    let stack = stack_with("user:alice", 3).await;
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(41)).await;
    assert_eq!(items, Vec::<u64>::new());
    let told = (&subscribed["seq"], &subscribed["recovered"], &subscribed["reset"]);
    assert_eq!(told, (&json!(3), &json!(false), &json!(true)));

    let mut bob = stack.connect("bob").await;
    let (_, subscribed) = after(&mut bob, "user:bob", Some(41)).await;
    assert_eq!((&subscribed["seq"], &subscribed["reset"]), (&json!(0), &json!(true)), "a channel never used");
}

#[tokio::test]
async fn without_a_cursor_the_newest_fifty_come_in_order() {
    let stack = stack_with("user:alice", 60).await;
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", None).await;
    assert_eq!(items, (11..=60).collect::<Vec<_>>());
    says(&subscribed, 60, true, false);
}

#[tokio::test]
async fn an_answer_ends_before_a_hole() {
    let stack = stack_with("user:alice", 5).await;
    stack.delete_row("user:alice", 3).await;
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(0)).await;
    assert_eq!(items, [1, 2]);
    says(&subscribed, 2, true, true);
    let (items, subscribed) = after(&mut alice, "user:alice", Some(2)).await;
    assert_eq!(items, [4, 5], "what is still missing at the second look has expired");
    says(&subscribed, 5, false, false);
}

#[tokio::test]
async fn of_a_collapse_key_only_the_newest_is_replayed_and_what_has_outlived_its_ttl_is_not() {
    let stack = Stack::start().await;
    for (n, key) in [(1, Some("build")), (2, None), (3, Some("build")), (4, Some("other"))] {
        stack.post(&json!({"to": "user:alice", "body": n.to_string(), "collapse_key": key})).await;
    }
    stack.post(&json!({"to": "user:alice", "body": "brief", "ttl": "1s"})).await;
    let mut alice = stack.connect("alice").await;
    stack
        .until("the ttl has passed", || async {
            let mut socket = stack.connect("alice").await;
            after(&mut socket, "user:alice", Some(4)).await.0.is_empty()
        })
        .await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(0)).await;
    assert_eq!(items, [2, 3, 4]);
    says(&subscribed, 5, true, false);
}
