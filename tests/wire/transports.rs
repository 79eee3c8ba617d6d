//! Whatever way a client listens by, and however often it has to change it, the application is handed each notification
//! once and in order.

use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::harness::{Heard, Listener, PATIENCE, Proxy, Stack, clients_js, room};

/// The number of notifications in all, and the number that are sent before anybody listens: ten pages of a replay.
const ALL: u64 = 5_000;
const BEFORE: u64 = 1_000;

const PUBLISHERS: usize = 6;
const CHANNELS: [&str; 2] = ["user:alice", "topic:news"];

/// After the last is sent there is silence: nothing comes any more to wake a client that lacks something.
const CATCHES_UP: Duration = Duration::from_secs(120);

fn options(stack: &Stack, websocket: &str, transport: &str) -> Value {
    let token = stack.token(&json!({"sub": "alice", "subscribe": ["topic:*"], "exp": 4_102_444_800_u64}));
    json!({
        "http": stack.http, "websocket": websocket, "token": token, "transport": transport, "pollInterval": 1000,
        "channels": {"user:alice": 0, "topic:news": 0},
        // As usual, but for how soon a socket is tried again.
        "timing": {"upgrade": [500, 4000], "connect": 3000, "blocked": 500},
    })
}

async fn publish(stack: &Stack, count: u64) {
    let each = (0..count).map(|n| async move { stack.send(CHANNELS[(n % 2) as usize], "x").await });
    stream::iter(each).buffer_unordered(PUBLISHERS).collect::<Vec<_>>().await;
}

/// Cuts, blocks and restores what runs through the proxy, until it is stopped; says how often it did.
async fn disturb(proxy: &Proxy, done: &mut tokio::sync::watch::Receiver<bool>) -> u32 {
    let mut blocks = 0;
    while !*done.borrow() {
        for _ in 0..rand::rng().random_range(1..4) {
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(300..3_000))).await;
            proxy.disconnect();
        }
        proxy.block(true);
        blocks += 1;
        tokio::time::sleep(Duration::from_secs(rand::rng().random_range(4..8))).await;
        proxy.block(false);
        tokio::time::sleep(Duration::from_secs(rand::rng().random_range(3..6))).await;
    }
    blocks
}

async fn until_all_heard(listeners: &[(&str, Listener)], each: u64, patience: Duration) {
    let give_up = Instant::now() + patience;
    let has_all =
        |heard: &Heard| CHANNELS.iter().all(|channel| heard.seqs.get(*channel).is_some_and(|s| s.len() as u64 >= each));
    while !listeners.iter().all(|(_, listener)| has_all(&listener.heard())) && Instant::now() < give_up {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn assert_each_once_in_order(name: &str, heard: &Heard, each: u64) {
    assert_eq!(heard.troubles, Vec::<Value>::new(), "{name}");
    for channel in CHANNELS {
        let seqs = heard.seqs.get(channel).cloned().unwrap_or_default();
        let wrong = seqs.iter().copied().zip(1..).position(|(seq, expected)| seq != expected);
        assert_eq!(
            wrong,
            None,
            "{name}: {channel} has {:?} at {wrong:?}",
            wrong.map(|at| &seqs[at.saturating_sub(2)..at + 1])
        );
        assert_eq!(seqs.len() as u64, each, "{name}: {channel}, in the end {:?}", heard.states.last());
    }
}

/// The client's own tests, on what is built; and its size.
#[tokio::test]
async fn the_browser_clients_own_tests_pass() {
    let Some(folder) = tokio::task::spawn_blocking(clients_js).await.unwrap() else { return };
    let files = std::fs::read_dir(folder.join("test")).unwrap().map(|file| file.unwrap().path());
    let tests: Vec<_> = files.filter(|file| file.to_str().unwrap().ends_with(".test.js")).collect();
    assert!(tests.len() >= 6, "{tests:?}");
    let node = |arguments: &mut Command| arguments.current_dir(&folder).output().unwrap();
    for output in [node(Command::new("node").arg("--test").args(tests)), node(Command::new("node").arg("size.mjs"))] {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[tokio::test]
async fn five_thousand_come_once_and_in_order_by_socket_long_poll_poll_and_all_of_them_in_turn() {
    if tokio::task::spawn_blocking(clients_js).await.unwrap().is_none() {
        return;
    }
    let _room = room().await;
    let stack = Stack::start().await;
    let proxy = Proxy::to(&stack.websocket).await;
    publish(&stack, BEFORE).await;
    let mut listeners = Vec::new();
    for (name, websocket, transport) in [
        ("socket", stack.websocket.as_str(), "socket"),
        ("long poll", &stack.websocket, "long-poll"),
        ("poll", &stack.websocket, "poll"),
        ("disturbed", proxy.address(), "auto"),
    ] {
        listeners.push((name, Listener::start(&options(&stack, websocket, transport)).await.unwrap()));
    }
    until_all_heard(&listeners, BEFORE / 2, PATIENCE).await;
    for (name, listener) in &listeners {
        assert_each_once_in_order(name, &listener.heard(), BEFORE / 2);
    }
    let (done, mut is_done) = tokio::sync::watch::channel(false);
    let disturbing = disturb(&proxy, &mut is_done);
    let publishing = async {
        publish(&stack, ALL - BEFORE).await;
        done.send_replace(true);
    };
    let (blocks, ()) = tokio::join!(disturbing, publishing);
    until_all_heard(&listeners, ALL / 2, CATCHES_UP).await;
    for (name, listener) in &listeners {
        assert_each_once_in_order(name, &listener.heard(), ALL / 2);
    }
    let disturbed = listeners.pop().unwrap().1.heard();
    let (polled, live) = (disturbed.times("polling"), disturbed.times("live"));
    crate::schedule::tell(&format!(
        "TRANSPORTS {blocks} blocks: the disturbed client polled {polled} times, was live {live} times"
    ));
    assert!(polled >= 2 && live >= 3, "{:?}", disturbed.states);
}

/// A backlog that takes a slow link longer than any question may stay unanswered.
const LARGE: usize = 20;
const LARGE_BODY: usize = 24_000;
const SLOW: u64 = 16_000;

/// The client in Rust, which listens to alice's inbox from its beginning, until it has so many.
async fn listen_in_rust(stack: &Stack, websocket: &str, count: usize) -> Vec<u64> {
    let token = stack.token(&json!({"sub": "alice"}));
    let listener = tidings::Listener::builder(websocket, move || {
        let token = token.clone();
        async move { Ok::<_, std::convert::Infallible>(token) }
    });
    let mut listener = listener.channel("user:alice:0".parse::<tidings::Cursor>().unwrap()).start().unwrap();
    let mut seqs = Vec::new();
    while seqs.len() < count {
        match listener.next().await.unwrap() {
            tidings::Event::Notification { item, .. } => seqs.extend(item.seq),
            tidings::Event::Connected => {}
            other => panic!("{other:?}"),
        }
    }
    seqs
}

#[tokio::test]
async fn a_slow_link_brings_a_large_backlog_once_and_in_order_to_both_clients() {
    let stack = Stack::start().await;
    for _ in 0..LARGE {
        stack.send("user:alice", &"x".repeat(LARGE_BODY)).await;
    }
    let all: Vec<_> = (1..=LARGE as u64).collect();
    let (for_js, for_rust) = tokio::join!(Proxy::slow(&stack.websocket, SLOW), Proxy::slow(&stack.websocket, SLOW));
    let mut options = options(&stack, for_js.address(), "socket");
    options["channels"] = json!({"user:alice": 0});
    let in_js = Listener::start(&options).await;
    let has_all = || async {
        in_js.as_ref().is_none_or(|js| js.heard().seqs.get("user:alice").is_some_and(|s| s.len() >= LARGE))
    };
    let (seqs, ()) = tokio::join!(
        listen_in_rust(&stack, for_rust.address(), LARGE),
        stack.until_within(CATCHES_UP, "the browser client has all", has_all)
    );
    assert_eq!(seqs, all);
    if let Some(js) = &in_js {
        let heard = js.heard();
        assert_eq!((&heard.seqs["user:alice"], &heard.troubles), (&all, &vec![]));
        assert_eq!(heard.times("live"), 1, "{:?}", heard.states);
    }
    let backlog = (LARGE * (LARGE_BODY + 200)) as u64;
    for (name, proxy) in [("Rust", &for_rust), ("JavaScript", &for_js)] {
        assert!(proxy.received() * 5 <= backlog * 6, "{name}: {} bytes for a backlog of {backlog}", proxy.received());
    }
}
