//! Large audiences: the shares queue serves what does not fit one page, and connections that do not take a post for
//! now.

mod gone;
mod refused;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::harness::{Socket, Stack, each_resource, room};
use crate::schedule::tell;

/// The connections that one send pushes to by itself.
const INLINE: usize = 256;

/// The number of sockets that are opened at once.
const OPENING: usize = 16;

async fn open(stack: &Stack, count: usize, channels: &[String]) -> Vec<Socket> {
    stream::iter(0..count)
        .map(|n| async move {
            stack.connect_with(&json!({"sub": format!("u{n}"), "subscribe": ["topic:*"], "channels": channels})).await
        })
        .buffer_unordered(OPENING)
        .collect()
        .await
}

/// Has what waits in the shares queue come now.
async fn hasten(stack: &Stack) {
    for queue in ["SharesQueue", "UnstoredSharesQueue"] {
        stack.control(Method::POST, &format!("queues/{queue}/advance"), Some(json!({"seconds": 60}))).await;
    }
}

/// Waits for a frame while what waits in the queue comes sooner than it would.
pub(crate) async fn next_hastened(stack: &Stack, socket: &mut Socket) -> Result<Value, ()> {
    let hastening = async {
        loop {
            hasten(stack).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        frame = socket.next_or_close() => frame.map_err(drop),
        () = hastening => unreachable!(),
    }
}

#[tokio::test]
async fn what_does_not_fit_a_page_is_served_after_the_answer_to_each_once() {
    const COUNT: usize = 700;
    let stack = Stack::start().await;
    let channels = ["topic:large".to_owned()];
    let mut sockets = open(&stack, COUNT, &channels).await;
    let sent = stack.post(&json!({"to": "topic:large", "body": "for all"})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    assert_eq!(sent.body["channels"][0]["connections"], INLINE, "{sent:?}");
    assert_eq!(sent.body["channels"][0]["queued"], true, "{sent:?}");
    for (n, item) in join_all(sockets.iter_mut().map(Socket::item)).await.into_iter().enumerate() {
        assert_eq!((&item["seq"], &item["body"]), (&json!(1), &json!("for all")), "{n}");
    }
    let unstored = stack.post(&json!({"to": "topic:large", "body": "unstored", "store": false})).await;
    assert_eq!(unstored.body["channels"][0]["queued"], true, "{unstored:?}");
    for item in join_all(sockets.iter_mut().map(Socket::item)).await {
        assert_eq!(item["body"], "unstored");
    }
    let posts = stack.calls().await.into_iter().filter(|call| call["service"] == "management").count();
    assert_eq!(posts, 2 * COUNT, "nobody is posted to twice");
}

#[tokio::test]
async fn who_is_throttled_for_a_while_gets_the_last_item_with_nothing_sent_after_it() {
    let stack = Stack::start().await;
    let mut slow = stack.connect("alice").await;
    let id = stack.sockets().await[0].clone();
    // Three tries of the send, and one of each of four messages.
    stack.fault(json!({"on": "management.POST", "connection": id, "times": 7, "do": {"status": 429}})).await;
    let sent = stack.post(&json!({"to": "user:alice", "body": "the last"})).await;
    assert_eq!((sent.status, &sent.body["channels"][0]["connections"]), (202, &json!(0)));
    let frame = next_hastened(&stack, &mut slow).await.unwrap();
    assert_eq!(frame["items"][0]["body"], "the last");
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn who_has_left_meanwhile_is_sent_nothing_late() {
    let stack = Stack::start().await;
    let claims = json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:left"]});
    let mut slow = stack.connect_with(&claims).await;
    let id = stack.sockets().await[0].clone();
    stack.fault(json!({"on": "management.POST", "connection": id, "times": 3, "do": {"status": 429}})).await;
    stack.send("topic:left", "too late").await;
    let unsubscribe = json!({"action": "unsubscribe", "channel": "topic:left"});
    let (items, answer) = slow.ask(unsubscribe).await;
    assert_eq!((items.as_slice(), &answer["type"]), ([].as_slice(), &json!("unsubscribed")));
    stack
        .until("what was queued for it is worked on", || async {
            hasten(&stack).await;
            let queue = stack.queue("SharesQueue").await;
            queue["visible"] == 0 && queue["delayed"] == 0 && queue["in_flight"] == 0
        })
        .await;
    let (items, _) = slow.ask(json!({"action": "unsubscribe", "channel": "topic:left"})).await;
    assert_eq!(items, Vec::<Value>::new());
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn who_gives_no_answer_is_closed_after_some_tries_and_catches_up() {
    let stack = Stack::start().await;
    let mut slow = stack.connect("alice").await;
    let id = stack.sockets().await[0].clone();
    let mut other = stack.connect("alice").await;
    stack.fault(json!({"on": "management.POST", "connection": id, "times": 0, "do": {"close": true}})).await;
    let began = Instant::now();
    let sent = stack.post(&json!({"to": "user:alice", "body": "x"})).await;
    assert_eq!((sent.status, &sent.body["channels"][0]["connections"]), (202, &json!(1)));
    assert_eq!(other.item().await["body"], "x");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(next_hastened(&stack, &mut slow).await.is_err(), "it is closed");
    stack.assert_faults_fired().await;
    let mut back = stack.connect("alice").await;
    let (items, _) = back.ask(json!({"action": "subscribe", "channel": "user:alice", "after": 0})).await;
    assert_eq!(items[0]["body"], "x");
}

/// The notifications that a raw socket is sent, which never asks for anything.
async fn hear(socket: &mut Socket, all: &BTreeSet<(String, u64)>, patience: Duration) -> BTreeSet<(String, u64)> {
    let mut heard = BTreeSet::new();
    let listening = async {
        while heard.len() < all.len() {
            let frame = socket.whenever_it_comes().await.unwrap_or_else(|close| panic!("closed: {close:?}"));
            let channel = frame["channel"].as_str().unwrap_or_default();
            for item in frame["items"].as_array().into_iter().flatten() {
                heard.insert((channel.to_owned(), item["seq"].as_u64().unwrap()));
            }
        }
    };
    // What was heard until then tells what is missing.
    let _ = timeout(patience, listening).await;
    heard
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_dies_each_of_two_thousand_in_twenty_topics_is_sent_every_seq() {
    const TOPICS: usize = 20;
    const CONNECTIONS: usize = 2_000;
    const EACH: u64 = 2;
    let room = room().await;
    let stack = Stack::start().await;
    let topics: Vec<String> = (0..TOPICS).map(|n| format!("topic:{n}")).collect();
    let mut sockets = open(&stack, CONNECTIONS, &topics).await;
    let kill = json!({"kill": true});
    for (on, chance) in [("invoke.Share", 0.02), ("respond.Share", 0.02), ("management.POST", 0.0005)] {
        stack.fault(json!({"on": on, "function": "Share", "times": 0, "chance": chance, "do": kill})).await;
    }
    let all: BTreeSet<(String, u64)> =
        topics.iter().flat_map(|topic| (1..=EACH).map(|seq| (topic.clone(), seq))).collect();
    let began = Instant::now();
    let sending = async {
        for _ in 0..EACH {
            for topic in &topics {
                let sent = stack.post(&json!({"to": topic, "body": "x".repeat(1_000)})).await;
                assert_eq!(sent.status, 202, "{sent:?}");
            }
        }
        // The queue delivers the messages of a killed worker once more after a minute.
        drop(room);
    };
    let patience = Duration::from_secs(900);
    let hearing = join_all(sockets.iter_mut().map(|socket| hear(socket, &all, patience)));
    let (heard, ()) = tokio::join!(hearing, sending);
    let missing = heard.iter().map(|heard| all.len() - heard.len()).sum::<usize>();
    let mut killed = 0;
    for fault in stack.control(Method::GET, "faults", None).await.as_array().unwrap() {
        tell(&format!("FAULT {} {}: {}", fault["on"], fault["do"], fault["fired"]));
        killed += fault["fired"].as_u64().unwrap();
    }
    tell(&format!("AUDIENCE {} pushes in {:?}, {killed} workers killed", CONNECTIONS * all.len(), began.elapsed()));
    assert_eq!(missing, 0, "of {}", CONNECTIONS * all.len());
    assert!(killed > 20, "{killed} workers were killed");
    let dead = stack.queue("ShareDeadLetters").await;
    assert_eq!(dead["visible"], 0, "{dead}");
}

#[tokio::test]
async fn what_is_not_stored_is_gone_after_minutes_and_never_a_dead_letter() {
    let stack = Stack::start().await;
    let mut slow = stack.connect("alice").await;
    let id = stack.sockets().await[0].clone();
    // It is queued for her, and every function that takes the message dies.
    stack.fault(json!({"on": "management.POST", "connection": id, "times": 3, "do": {"status": 429}})).await;
    stack.fault(json!({"on": "invoke.Share", "times": 8, "do": {"kill": true}})).await;
    let sent = stack.post(&json!({"to": "user:alice", "body": "for now only", "store": false})).await;
    assert_eq!(sent.status, 202, "{sent:?}");
    let queue = stack.queue("UnstoredSharesQueue").await;
    assert_eq!(queue["sent"], 1, "{queue}");
    // Twice as often as a message is received that can become a dead letter.
    let died = || async {
        let body = json!({"seconds": 60, "in_flight": true});
        stack.control(Method::POST, "queues/UnstoredSharesQueue/advance", Some(body)).await;
        let faults = stack.control(Method::GET, "faults", None).await;
        faults.as_array().unwrap().iter().all(|fault| fault["fired"] == fault["times"])
    };
    stack.until("the function has died eight times", died).await;
    assert_eq!(next_hastened(&stack, &mut slow).await.unwrap()["items"][0]["body"], "for now only");
    for dead in ["ShareDeadLetters", "DueDeadLetters", "EndpointDeadLetters", "InboundDeadLetters"] {
        assert_eq!(stack.queue(dead).await["visible"], 0, "{dead}");
    }
}

#[test]
fn the_queues_that_may_hold_a_notification_have_the_operators_key_and_keep_it_for_minutes_at_most() {
    let mut seen = 0;
    each_resource("AWS::SQS::Queue", |name, queue| {
        let has_key = queue.as_mapping_get("KmsMasterKeyId").is_some();
        let is_for_shares = ["SharesQueue", "ShareDeadLetters", "UnstoredSharesQueue"].contains(&name);
        assert!(has_key || !is_for_shares, "{name}");
        if name == "UnstoredSharesQueue" {
            assert!(queue.as_mapping_get("RedrivePolicy").is_none());
            let kept = queue.as_mapping_get("MessageRetentionPeriod").and_then(|seconds| seconds.as_integer());
            assert!(kept.is_some_and(|seconds| seconds <= 300), "{kept:?}");
            seen += 1;
        }
    });
    assert_eq!(seen, 1);
}
