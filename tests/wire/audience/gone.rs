//! Connections that are gone: their rows are removed at a pace that leaves the table to others.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use super::open;
use crate::harness::{Socket, Stack, room};
use crate::lifecycle::age;

#[tokio::test]
async fn removals_that_the_partition_does_not_take_keep_nobody_waiting_and_the_next_push_makes_them() {
    const GONE: usize = 40;
    let _room = room().await;
    let stack = Stack::start().await;
    let channels = ["topic:empty".to_owned()];
    let _gone = open(&stack, GONE, &channels).await;
    let lost = stack.sockets().await;
    let mut there = open(&stack, 4, &channels).await;
    age(&stack, 60_000).await;
    for id in &lost {
        stack.control(Method::POST, &format!("sockets/{}/vanish", id.replace('=', "%3D")), None).await;
    }
    let limit = json!({"on": "partition.Subscribers", "mentions": "topic:empty", "do": {"write_units": 5}});
    stack.fault(limit).await;
    let rows = || async {
        let rows = stack.rows("Subscribers").await;
        rows.iter().filter(|row| row["channel"]["S"] == "topic:empty").count()
    };
    let begun = Instant::now();
    let sent = stack.post(&json!({"to": "topic:empty", "body": "x"})).await;
    assert_eq!((sent.status, &sent.body["channels"][0]["connections"]), (202, &json!(4)), "{sent:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!((1..GONE).contains(&(rows().await - 4)), "{} of them are left", rows().await - 4);
    stack.assert_faults_fired().await;
    let all_removed = || async {
        stack.send("topic:empty", "x").await;
        rows().await == 4
    };
    stack.until("later pushes remove the others", all_removed).await;
    for socket in &mut there {
        let item: Value = Socket::item(socket).await;
        assert_eq!(item["seq"], 1);
    }
}
