//! Catching up with a log of which some has expired.

use std::time::Duration;

use serde_json::json;

use crate::anywhere::replay::{after, says};
use crate::harness::Stack;

async fn stack_with(channel: &str, notifications: u64) -> Stack {
    let stack = Stack::start().await;
    for n in 1..=notifications {
        stack.send(channel, &n.to_string()).await;
    }
    stack
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
    assert_eq!(stack.channel("user:alice").await["oldest"], 4);
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

/// A backup lacks what came after it. Whoever has read that must hear that something is missing, also once the log has
/// grown past where they stand.
#[tokio::test]
async fn readers_of_what_a_restored_table_lacks_are_told() {
    let data = std::env::temp_dir().join(format!("tidings-restored-{}", std::process::id()));
    let data = ["--data", data.to_str().unwrap()];
    let stack = Stack::start_with(&data).await;
    for n in 1..=5 {
        stack.send("user:alice", &n.to_string()).await;
        stack.send("user:bob", &n.to_string()).await;
    }
    for seq in [4, 5] {
        stack.delete_row("user:alice", seq).await;
    }
    for seq in 0..=5 {
        stack.delete_row("user:bob", seq).await;
    }
    drop(stack);
    // It is given in whole seconds.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let restored_at = format!("RestoredAt={:.0}", jiff::Timestamp::now());
    let stack = Stack::start_with(&[&data[..], &["--parameter", &restored_at]].concat()).await;

    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(5)).await;
    assert_eq!((items.len(), &subscribed["seq"], &subscribed["reset"]), (0, &json!(3), &json!(true)));
    alice.close().await;
    for channel in ["user:alice", "user:bob"] {
        let new = stack.send(channel, "new").await;
        assert!(new > 1_700_000_000_000, "{channel}: {new} is no time in milliseconds");
        assert_eq!(stack.send(channel, "newer").await, new + 1);
    }
    let mut alice = stack.connect("alice").await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(5)).await;
    assert_eq!((items.len(), &subscribed["recovered"]), (2, &json!(false)), "4 and 5 are not the ones it knows");
    let (items, _) = after(&mut alice, "user:alice", Some(1)).await;
    assert_eq!(items[..2], [2, 3], "what the backup has is there");
    let mut bob = stack.connect("bob").await;
    let (items, subscribed) = after(&mut bob, "user:bob", Some(5)).await;
    assert_eq!((items.len(), &subscribed["recovered"]), (2, &json!(false)), "all of it was lost");
    drop(stack);
    std::fs::remove_dir_all(data[1]).unwrap();
}
