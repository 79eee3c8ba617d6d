//! Catching up with a log of which some has expired.

use std::time::Duration;

use serde_json::json;

use crate::anywhere::poll::poll;
use crate::anywhere::replay::{after, says};
use crate::harness::{Stack, in_an_hour};

async fn stack_with(channel: &str, notifications: u64) -> Stack {
    let stack = Stack::start().await;
    for n in 1..=notifications {
        stack.send(channel, &n.to_string()).await;
    }
    stack
}

#[tokio::test]
async fn expired_notifications_are_reported() {
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
async fn a_log_that_expired_whole_is_reported_and_goes_on_at_the_present_time() {
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

/// A backup lacks all that came after it. A reader of such a notification must hear that something is missing, also
/// once the log has grown past its cursor.
#[tokio::test]
async fn readers_learn_that_a_restored_table_lacks_notifications() {
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

/// Nothing was sent for longer than notifications are kept, and a client that has read all of it comes back.
#[tokio::test]
async fn a_quiet_log_that_starts_again_is_no_loss_to_who_had_read_it() {
    let stack = stack_with("user:alice", 3).await;
    let now = in_an_hour() - 3600;
    for seq in 1..=3 {
        stack.expire("user:alice", seq, now - 60).await;
    }
    let mut alice = stack.connect("alice").await;
    let (_, subscribed) = after(&mut alice, "user:alice", Some(3)).await;
    says(&subscribed, 3, true, false);
    let next = stack.send("user:alice", "new").await;
    assert!(next > 1_700_000_000_000, "{next} is no time in milliseconds");
    alice.item().await;
    // With what has expired still there, and deleted.
    for deleted in [false, true] {
        for (cursor, recovered) in [(3, true), (2, false), (0, false)] {
            let (items, subscribed) = after(&mut alice, "user:alice", Some(cursor)).await;
            assert_eq!(items, [next], "after {cursor}, deleted: {deleted}");
            says(&subscribed, next, recovered, false);
        }
        for seq in stack.seqs("user:alice").await.into_iter().filter(|seq| *seq < next) {
            stack.delete_row("user:alice", seq).await;
        }
    }
    assert_eq!(stack.send("user:alice", "newer").await, next + 1);
}

/// DynamoDB deletes in any order: what it has left may not be what came last.
#[tokio::test]
async fn notifications_deleted_before_an_older_one_are_reported() {
    let stack = stack_with("user:alice", 3).await;
    for seq in 1..=3 {
        stack.expire("user:alice", seq, 1).await;
    }
    stack.delete_row("user:alice", 3).await;
    let mut alice = stack.connect("alice").await;
    let (_, subscribed) = after(&mut alice, "user:alice", Some(2)).await;
    says(&subscribed, 2, false, false);
    let next = stack.send("user:alice", "new").await;
    alice.item().await;
    let (items, subscribed) = after(&mut alice, "user:alice", Some(2)).await;
    assert_eq!(items, [next]);
    says(&subscribed, next, false, false);
}

/// As when the operator lowers `RetentionDays`: what is there was to be kept for a year.
#[tokio::test]
async fn a_lower_retention_counts_for_what_is_sent_from_then_on_and_loses_nothing() {
    const DAY: u64 = 24 * 3600;
    let stack = stack_with("user:alice", 3).await;
    let now = in_an_hour() - 3600;
    for seq in 1..=3 {
        stack.expire("user:alice", seq, now + 365 * DAY).await;
    }
    let next = stack.send("user:alice", "new").await;
    assert_eq!(stack.send("user:alice", "newer").await, next + 1);
    for row in stack.log_rows("user:alice").await {
        let (seq, expires_at) = (&row["seq"]["N"], row["expires_at"]["N"].as_str().unwrap().parse::<u64>().unwrap());
        let is_new = seq.as_str().unwrap().parse::<u64>().unwrap() >= next;
        assert_eq!(expires_at > now + 300 * DAY, !is_new, "{seq} expires at {expires_at}");
    }
    assert_eq!(stack.channel("user:alice").await["oldest"], 1);
    let mut alice = stack.connect("alice").await;
    for (cursor, expected) in [(0, &[1, 2, 3, next, next + 1][..]), (2, &[3, next, next + 1]), (3, &[next, next + 1])] {
        let (items, subscribed) = after(&mut alice, "user:alice", Some(cursor)).await;
        assert_eq!(items, expected, "after {cursor}");
        says(&subscribed, next + 1, true, false);
    }
    assert_eq!(stack.channel("user:alice").await["unread"], 5);

    // The newer ones expire first. What is sent then comes above all that was read.
    for seq in [next, next + 1] {
        stack.expire("user:alice", seq, 1).await;
        stack.delete_row("user:alice", seq).await;
    }
    for (cursor, seq) in [(next + 1, next + 1), (3, 4), (1, 4)] {
        let (_, subscribed) = after(&mut alice, "user:alice", Some(cursor)).await;
        says(&subscribed, seq, false, false);
    }
    assert!(stack.send("user:alice", "newest").await > next + 1);
}

/// A row of a release to come, as after a roll-back or beside an older function in a deployment, and rows that are spoiled.
#[tokio::test]
async fn a_row_that_cannot_be_read_has_its_place_and_keeps_nobody_from_the_others() {
    let strange = [
        json!({"v": {"N": "2"}, "c": {"B": "AAEC"}}),
        json!({"v": {"S": "two"}}),
        json!({"v": {"N": "1"}, "id": {"N": "7"}}),
        json!({}),
    ];
    for attributes in strange {
        let stack = stack_with("user:alice", 3).await;
        let table = stack.table("Notifications").await;
        let mut row = json!({"channel": {"S": "user:alice"}, "seq": {"N": "2"}});
        row.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
        let expires_at = json!({"N": (in_an_hour() + 24 * 3600).to_string()});
        row["expires_at"] = expires_at.clone();
        stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
        let mut alice = stack.connect("alice").await;
        for (cursor, seqs) in [(Some(0), &[1, 2, 3][..]), (Some(1), &[2, 3]), (None, &[1, 2, 3])] {
            let (items, subscribed) = after(&mut alice, "user:alice", cursor).await;
            assert_eq!(items, seqs, "{attributes}");
            says(&subscribed, 3, true, false);
        }
        let polled = poll(&stack, &["user:alice:1".to_owned()], &[("limit", "1")]).await;
        assert_eq!(polled.body["channels"][0]["items"], json!([{"seq": 2, "unreadable": true}]));
        assert_eq!(stack.channel("user:alice").await["unread"], 3);

        // As the newest it keeps nobody from writing behind it.
        row["seq"] = json!({"N": "4"});
        stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
        assert_eq!(stack.send("user:alice", "behind it").await, 5, "{attributes}");
        row.as_object_mut().unwrap().remove("expires_at");
        row["seq"] = json!({"N": "6"});
        stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
        assert!(stack.send("user:alice", "above it").await > 6, "{attributes}");
        let mut alice = stack.connect("alice").await;
        let (items, subscribed) = after(&mut alice, "user:alice", Some(3)).await;
        assert_eq!(items[..3], [4, 5, 6], "{attributes}: {subscribed}");
    }
}
