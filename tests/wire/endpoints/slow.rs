//! A slow endpoint delays no other, and nothing that is due.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack};

/// How many go to the slow one: many more than there are places for attempts.
const FLOOD: usize = 200;

/// What a healthy endpoint may wait for beside a slow one: until the attempts that were under way before it was known have
/// ended, with their answers, and the machine has come to it.
const BESIDE: Duration = Duration::from_secs(30);

/// Sends a flood to an endpoint that answers so; a moment later, what has to come in time to another, and to a user.
async fn flood(replies: impl IntoIterator<Item = Reply>, always: Reply) {
    let stack = Stack::start_with(&LOOPBACK).await;
    let (slow, well) = (Receiver::start().await, Receiver::start().await);
    slow.then(replies);
    slow.always(always);
    stack.add_webhook("topic:slow", &slow.url).await;
    stack.add_webhook("topic:well", &well.url).await;
    for n in 0..FLOOD {
        stack.post(&json!({"to": "topic:slow", "data": n})).await;
    }
    for round in 1..=3 {
        let began = Instant::now();
        stack.post(&json!({"to": "topic:well", "data": round})).await;
        stack.post(&json!({"to": "user:bob", "body": "due", "delay": "1s"})).await;
        stack.until("what is due is sent", || async { stack.seqs("user:bob").await.len() == round }).await;
        let (due, places) = (began.elapsed(), slow.received().len());
        assert!(due < Duration::from_secs(10), "{due:?}");
        well.wait_for(round, PATIENCE).await;
        assert!(began.elapsed() < BESIDE, "{:?} in round {round}, with {places} of the flood", began.elapsed());
        // Also of what waited meanwhile.
        stack.hasten(100).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
}

#[tokio::test]
async fn a_flood_for_one_that_hangs_keeps_no_other_waiting_and_nothing_that_is_due() {
    flood([], Reply::Hang).await;
}

#[tokio::test]
async fn a_flood_for_one_that_takes_everything_slowly_keeps_no_other_waiting() {
    flood([], Reply::Late(Duration::from_secs(9))).await;
}

#[tokio::test]
async fn a_flood_for_one_that_hangs_at_the_second_attempts_keeps_no_other_waiting() {
    flood(std::iter::repeat_n(Reply::status(500), FLOOD), Reply::Hang).await;
}

/// Taken slowly while another failed: it is not failing.
#[tokio::test]
async fn one_that_takes_one_while_another_fails_is_not_failing() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    receiver.then([Reply::Late(Duration::from_secs(3)), Reply::status(500)]);
    let (id, _) = stack.add_webhook("topic:a", &receiver.url).await;
    stack.post(&json!({"to": "topic:a", "data": 1})).await;
    receiver.wait_for(1, PATIENCE).await;
    stack.post(&json!({"to": "topic:a", "data": 2})).await;
    let attempts = stack.attempts("topic:a", &id, 2).await;
    let outcomes: Vec<&str> = attempts.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["delivered", "failed"], "by when they began");
    let active = || async { stack.endpoint("topic:a", &id).await["state"] == "active" };
    stack.until("it has taken something since", active).await;
}

/// However often somebody asks for it: what waits of an older replay is over when its turn comes.
#[tokio::test]
async fn replays_at_a_slow_endpoint_do_not_pile_up() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let hangs = Receiver::start().await;
    hangs.always(Reply::Hang);
    let (id, _) = stack.add_webhook("topic:slow", &hangs.url).await;
    for n in 0..30 {
        stack.post(&json!({"to": "topic:slow", "data": n})).await;
    }
    stack.attempts("topic:slow", &id, 1).await;
    for _ in 0..5 {
        stack.do_with_endpoint("topic:slow", &id, "replay", Some(json!({"seq": 1}))).await;
    }
    // Those of the first four come once more, and then no more.
    let waiting = || async {
        stack.hasten(900).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let queue = stack.queue("EndpointsQueue").await;
        ["visible", "in_flight", "delayed"].iter().map(|state| queue[state].as_u64().unwrap()).sum::<u64>() <= 31
    };
    stack.until_within(PATIENCE, "one message a notification is left", waiting).await;
}

#[tokio::test]
async fn one_that_takes_its_time_and_takes_everything_gets_one_after_the_other() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let late = Receiver::start().await;
    let takes = Duration::from_secs(11);
    late.always(Reply::Late(takes));
    stack.add_webhook("topic:late", &late.url).await;
    // The first that come together are not known to be slow.
    stack.post(&json!({"to": "topic:late", "data": 0})).await;
    late.wait_for(1, PATIENCE).await;
    tokio::time::sleep(takes + Duration::from_secs(1)).await;
    for n in 1..=4 {
        stack.post(&json!({"to": "topic:late", "data": n})).await;
    }
    let began = Instant::now();
    let mut most = 0;
    while late.received().len() < 5 {
        // Those that wait come all the time, and one at a time goes ahead.
        stack.hasten(100).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        most = most.max(late.under_way());
        assert!(began.elapsed() < 8 * takes, "{} of 5 after {:?}", late.received().len(), began.elapsed());
    }
    assert_eq!(most, 1, "at a time");
}

#[tokio::test]
async fn one_that_is_gone_is_removed_though_the_function_dies_of_it() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let gone = Receiver::start().await;
    gone.always(Reply::status(410));
    let (id, _) = stack.add_webhook("topic:gone", &gone.url).await;
    stack.fault(json!({"on": "dynamodb.DeleteItem", "function": "Attempt", "do": {"kill": true}})).await;
    stack.post(&json!({"to": "topic:gone", "body": "x"})).await;
    gone.wait_for(1, PATIENCE).await;
    let died = || async { stack.control(Method::GET, "faults", None).await[0]["fired"] == 1 };
    stack.until("the function dies of it", died).await;
    let sooner = json!({"seconds": 60, "in_flight": true});
    stack.control(Method::POST, "queues/EndpointsQueue/advance", Some(sooner)).await;
    let publisher = stack.publisher();
    let path = format!("/v1/channels/topic:gone/endpoints/{id}");
    let is_gone = || async { stack.call(Method::GET, &path, Some(&publisher), &[], None).await.status == 404 };
    stack.until_within(PATIENCE, "it is removed", is_gone).await;
    assert_eq!(gone.received().len(), 2);
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn one_that_is_gone_is_removed_and_one_that_asks_to_wait_is_left_alone() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let (gone, busy) = (Receiver::start().await, Receiver::start().await);
    gone.always(Reply::status(410));
    busy.then([Reply::Status(429, Some(("retry-after", "90".to_owned())), "later")]);
    let (removed, _) = stack.add_webhook("topic:gone", &gone.url).await;
    let (id, _) = stack.add_webhook("topic:busy", &busy.url).await;
    stack.post(&json!({"to": ["topic:gone", "topic:busy"], "body": "x"})).await;
    let path = format!("/v1/channels/topic:gone/endpoints/{removed}");
    let publisher = stack.publisher();
    let is_gone = || async { stack.call(Method::GET, &path, Some(&publisher), &[], None).await.status == 404 };
    stack.until("it is removed", is_gone).await;
    assert_eq!(stack.post(&json!({"to": "topic:gone", "body": "y"})).await.body["channels"][0]["endpoints"], 0);
    assert_eq!(gone.received().len(), 1);

    let attempts = stack.attempts("topic:busy", &id, 1).await;
    assert_eq!((&attempts[0]["status"], &attempts[0]["answer"]), (&json!(429), &json!("later")));
    stack.until_waiting(1).await;
    assert_eq!(stack.hasten(80).await, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(busy.received().len(), 1, "it asked for 90 s");
    stack.hasten(20).await;
    busy.wait_for(2, PATIENCE).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let (here, there) = (Receiver::start().await, Receiver::start().await);
    here.always(Reply::Status(307, Some(("location", there.url.clone())), ""));
    let (id, _) = stack.add_webhook("topic:a", &here.url).await;
    stack.post(&json!({"to": "topic:a", "body": "x"})).await;
    let attempts = stack.attempts("topic:a", &id, 1).await;
    assert_eq!((&attempts[0]["outcome"], &attempts[0]["status"]), (&json!("failed"), &json!(307)));
    assert!(there.received().is_empty());
}

#[tokio::test]
async fn an_endpoint_gets_what_matters_to_it_and_what_nobody_took() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let (high, offline) = (Receiver::start().await, Receiver::start().await);
    let fields = |url: &str| json!({"kind": "webhook", "url": url});
    let mut matters = fields(&high.url);
    matters["min_priority"] = json!("high");
    let mut away = fields(&offline.url);
    away["only_when_offline"] = json!(true);
    for fields in [&matters, &away] {
        stack.add_endpoint("user:alice", fields).await;
    }
    let send = async |priority: &str| {
        let sent = stack.post(&json!({"to": "user:alice", "body": "x", "priority": priority})).await.body;
        sent["channels"][0]["endpoints"].as_u64().unwrap()
    };
    assert_eq!(send("low").await, 1, "who is offline");
    assert_eq!(send("high").await, 2);
    let alice = stack.connect("alice").await;
    assert_eq!(send("normal").await, 0, "her socket took it");
    assert_eq!(send("high").await, 1);
    drop(alice);
    let seqs = |received: Vec<crate::harness::Received>| {
        let mut seqs: Vec<u64> = received.iter().map(|one| one.seq()).collect();
        seqs.sort_unstable();
        seqs
    };
    assert_eq!(seqs(high.wait_for(2, PATIENCE).await), [2, 4]);
    assert_eq!(seqs(offline.wait_for(2, PATIENCE).await), [1, 2]);
    let unstored = stack.post(&json!({"to": "user:alice", "body": "x", "store": false, "priority": "high"})).await.body;
    assert_eq!(unstored["channels"][0]["endpoints"], 0, "what is not stored goes to no endpoint");
}
