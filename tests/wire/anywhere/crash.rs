//! Functions die at any moment, and publishers try again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::harness::Target;

const SENDS: u64 = 30;

/// Sends under a key until it is answered with a 202, as a publisher should; gives the seq, and how often it failed.
async fn send_until_accepted(target: &Target, channel: &str, n: u64) -> (u64, usize) {
    for failures in 0..100 {
        let answer =
            target.post_under(&target.name(&format!("n-{n}")), &json!({"to": channel, "body": "x", "data": n})).await;
        if answer.status == 202 {
            return (answer.body["channels"][0]["seq"].as_u64().unwrap(), failures);
        }
        assert!(answer.status >= 500, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{n} was never accepted");
}

#[tokio::test]
async fn sends_whose_function_is_killed_are_errors_and_under_their_keys_nothing_is_lost_or_doubled() {
    let target = Target::start().await;
    let channel = target.inbox("alice");
    let mut alice = target.connect(&target.name("alice")).await;
    if target.crash("Send").await.is_none() {
        return target.skip("nobody can kill the functions of a bundle that no emulator runs");
    }
    let over = AtomicBool::new(false);
    let sending = async {
        let mut failed = 0;
        let mut n = 0;
        // Some of them must have met a kill.
        while n < SENDS || failed == 0 {
            n += 1;
            assert!(n <= 10 * SENDS, "no send was ever hit");
            let (seq, failures) = send_until_accepted(&target, &channel, n).await;
            assert_eq!(seq, n, "one place for each, in order");
            failed += failures;
        }
        over.store(true, Ordering::Relaxed);
        n
    };
    let killing = async {
        while !over.load(Ordering::Relaxed) {
            target.crash("Send").await;
            // Longer than a new process takes to start.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (sent, ()) = tokio::join!(sending, killing);

    // What was pushed before a kill may be pushed again after it; a client drops what it has.
    let mut heard = 0;
    while heard < sent {
        let item = alice.item().await;
        let seq = item["seq"].as_u64().unwrap();
        assert!(seq <= heard + 1, "{seq} after {heard}: a place was left out");
        heard = heard.max(seq);
    }
    // On a socket of its own, where no push of before can come between.
    let mut reader = target.connect(&target.name("alice")).await;
    let mut cursor = 0;
    while cursor < sent {
        let (items, subscribed) = reader.ask(json!({"action": "subscribe", "channel": channel, "after": cursor})).await;
        let data: Vec<u64> = items.iter().map(|item| item["data"].as_u64().unwrap()).collect();
        assert_eq!(data, (cursor + 1..).take(data.len()).collect::<Vec<_>>(), "each once");
        cursor = subscribed["seq"].as_u64().unwrap();
    }
    assert_eq!(cursor, sent);
}
