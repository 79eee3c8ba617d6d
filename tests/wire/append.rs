//! Two hundred senders at once: dense seqs, and listeners that are cut at random miss nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use rand::RngExt as _;
use serde_json::json;
use tidings::{Cursor, Event, Listener};

use crate::harness::{PATIENCE, Proxy, Stack, room};

const SENDS: usize = 200;
const CHANNEL: &str = "topic:busy";

/// A listener behind a proxy that keeps dropping its connection.
struct DisconnectedClient {
    listener: Listener,
    cutting: tokio::task::JoinHandle<()>,
    cuts: Arc<AtomicUsize>,
}

impl DisconnectedClient {
    async fn start(stack: &Stack, sub: &str, from: u64) -> Self {
        let proxy = Proxy::to(&stack.websocket).await;
        let claims = json!({"sub": sub, "subscribe": ["topic:*"], "channels": [CHANNEL]});
        let token = stack.token(&claims);
        let listener = Listener::builder(proxy.address(), move || {
            let token = token.clone();
            async move { Ok::<_, std::convert::Infallible>(token) }
        });
        let cursor: Cursor = format!("{CHANNEL}:{from}").parse().unwrap();
        let mut listener = listener.channel(cursor).start().unwrap();
        while listener.next().await.unwrap() != Event::Connected {}
        let cuts = Arc::new(AtomicUsize::new(0));
        let counted = cuts.clone();
        let cutting = tokio::spawn(async move {
            loop {
                let pause = rand::rng().random_range(100..1500);
                tokio::time::sleep(Duration::from_millis(pause)).await;
                proxy.disconnect();
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Self { listener, cutting, cuts }
    }

    /// The seqs that the application is handed, until `last`.
    async fn seqs_until(mut self, last: u64) -> Vec<u64> {
        let mut seqs = Vec::new();
        while seqs.last() != Some(&last) {
            let event = tokio::time::timeout(PATIENCE, self.listener.next()).await;
            if let Event::Notification { item, .. } = event.expect("the client hangs").unwrap() {
                seqs.extend(item.seq);
            }
        }
        self.cutting.abort();
        seqs
    }
}

/// Keeps looking at the log: nothing new ever comes below what could be read before.
async fn watch(stack: &Stack, over: &AtomicBool) -> usize {
    let mut looks = 0;
    let mut readable: BTreeSet<u64> = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        let seqs = stack.seqs(CHANNEL).await;
        let highest = readable.last().copied().unwrap_or_default();
        for seq in &seqs {
            assert!(*seq > highest || readable.contains(seq), "{seq} came below {highest}, which was readable");
        }
        readable.extend(seqs);
        looks += 1;
        // So as not to keep the writers from the table.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    looks
}

/// Sends until it is taken, and gives the seq.
async fn send_one(stack: &Stack, n: usize, key: Option<&str>) -> u64 {
    let answer = stack.post_until_taken(key, &json!({"to": CHANNEL, "data": n})).await;
    answer.body["channels"][0]["seq"].as_u64().unwrap()
}

/// Sends 200 at once and checks seqs, log and listeners; the first is expected at `first`, if that can be known.
async fn send_at_once(stack: Stack, before: u64, first: Option<u64>) {
    let _room = room().await;
    let stack = Arc::new(stack);
    let clients = join_all((0..3).map(|n| {
        let stack = stack.clone();
        async move { DisconnectedClient::start(&stack, &format!("user-{n}"), before).await }
    }))
    .await;

    let over = AtomicBool::new(false);
    let sends = async {
        let sends = (0..SENDS).map(|n| {
            let stack = stack.clone();
            async move { send_one(&stack, n, Some(&format!("send-{n}"))).await }
        });
        let seqs = join_all(sends).await;
        over.store(true, Ordering::Relaxed);
        seqs
    };
    let (seqs, looks) = tokio::join!(sends, watch(&stack, &over));
    assert!(looks > 3, "the log was looked at meanwhile");
    let cuts: usize = clients.iter().map(|client| client.cuts.load(Ordering::Relaxed)).sum();
    assert!(cuts > 0, "clients were cut meanwhile");

    let distinct: BTreeSet<u64> = seqs.iter().copied().collect();
    let (lowest, highest) = (*distinct.first().unwrap(), *distinct.last().unwrap());
    assert_eq!(distinct.len(), SENDS, "every send has a seq of its own");
    assert_eq!(usize::try_from(highest - lowest).unwrap() + 1, SENDS, "and they are dense");
    if let Some(first) = first {
        assert_eq!(lowest, first);
    }
    for client in clients {
        let seen = client.seqs_until(highest).await;
        let in_order = seen.iter().copied().eq(lowest..=highest);
        assert!(in_order, "once and in order from {lowest} to {highest}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sends_at_once_to_a_channel_never_used_are_dense_and_heard_once_in_order() {
    send_at_once(Stack::start().await, 0, Some(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sends_at_once_to_a_busy_channel_are_dense_and_heard_once_in_order() {
    let stack = Stack::start().await;
    for _ in 0..5 {
        stack.send(CHANNEL, "before").await;
    }
    send_at_once(stack, 5, Some(6)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sends_at_once_to_a_log_just_expired_are_dense_and_heard_once_in_order() {
    let stack = Stack::start().await;
    for _ in 0..5 {
        stack.send(CHANNEL, "before").await;
    }
    for seq in 1..=5 {
        stack.expire(CHANNEL, seq, 1).await;
    }
    stack.delete_row(CHANNEL, 5).await;
    send_at_once(stack, 5, None).await;
}

/// Without a key a place is won by a plain write, with nothing else in its transaction.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_sends_at_once_without_a_key_are_dense() {
    let _room = room().await;
    let stack = Stack::start().await;
    stack.send(CHANNEL, "the first starts the log").await;
    let mut seqs = join_all((0..50).map(|n| send_one(&stack, n, None))).await;
    seqs.sort_unstable();
    assert_eq!(seqs, (2..=51).collect::<Vec<_>>());
    assert_eq!(stack.seqs(CHANNEL).await.len(), 51);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_about_to_expire_goes_on_or_starts_again_but_is_never_written_below() {
    let stack = Stack::start().await;
    let now = crate::harness::in_an_hour() - 3600;
    stack.send(CHANNEL, "1").await;
    stack.expire(CHANNEL, 1, now + 8 * 60).await;
    assert_eq!(stack.send(CHANNEL, "2").await, 2, "fading: it goes on");
    stack.expire(CHANNEL, 2, now + 3 * 60).await;
    let started = stack.send(CHANNEL, "3").await;
    assert!(started > 1_700_000_000_000, "nearly gone: it starts again");
    assert_eq!(stack.send(CHANNEL, "4").await, started + 1);
}
