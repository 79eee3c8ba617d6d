//! Slow endpoints, however many and whose, delay no other, and nothing that is due.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack, room};
use crate::schedule::tell;

/// The number of notifications for the slow one: many more than there are places for attempts.
const FLOOD: usize = 200;

/// The longest wait of a healthy endpoint beside slow ones.
const BESIDE: Duration = Duration::from_secs(3);

/// The most channels that one notification goes to.
const MAX_TO: usize = 10;

/// As slow as a receiver may be that takes everything.
const SLOWEST: Duration = Duration::from_secs(14);

/// Users without any right, each with so many webhooks in their own inbox, at one server. Gives the inboxes.
async fn crowd(stack: &Stack, server: &Receiver, users: usize, each: usize) -> Vec<String> {
    let inboxes: Vec<String> = (0..users).map(|user| format!("user:mallory-{user}")).collect();
    let additions = inboxes.iter().flat_map(|inbox| (0..each).map(move |n| (inbox, n)));
    join_all(additions.map(|(inbox, n)| async move {
        let user = stack.token(&json!({"sub": inbox.trim_start_matches("user:")}));
        let body = json!({"kind": "webhook", "url": format!("{}/{n}", server.url)}).to_string();
        let path = format!("/v1/channels/{inbox}/endpoints");
        let added = stack.call(Method::POST, &path, Some(&user), &[], Some(body)).await;
        assert_eq!(added.status, 201, "{added:?}");
    }))
    .await;
    inboxes
}

/// Sends so many notifications to each of the inboxes, ten a second at most.
async fn send_to(stack: &Stack, inboxes: &[String], count: usize) {
    for n in 0..count {
        let sent = inboxes.chunks(MAX_TO).map(|some| async move {
            stack.post_until_taken(Some(&format!("{n} {}", some[0])), &json!({"to": some, "data": n})).await;
        });
        join_all(sent).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The slowest of so many deliveries to an endpoint that answers at once, with a fifth of a second between two.
async fn worst_of(count: u32, stack: &Stack, channel: &str, well: &Receiver) -> Duration {
    let sent = join_all((0..count).map(|n| async move {
        tokio::time::sleep(n * Duration::from_millis(200)).await;
        let key = format!("{n} {channel}");
        let sent = stack.post_until_taken(Some(&key), &json!({"to": channel, "data": n})).await;
        let (began, seq) = (Instant::now(), sent.body["channels"][0]["seq"].as_u64().unwrap());
        while !well.received().iter().any(|one| one.seq() == seq) {
            assert!(began.elapsed() < PATIENCE, "{n} has not come");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        began.elapsed()
    }));
    sent.await.into_iter().max().unwrap()
}

/// Has as many processes of `Attempt` run as there may be. Lambda starts its executions beside each other; here some seventy would have
/// to start on the cores that all else needs.
async fn warm_up(stack: &Stack) {
    let receiver = Receiver::start().await;
    stack.add_webhook("topic:warm", &receiver.url).await;
    stack.post(&json!({"to": "topic:warm", "data": "first"})).await;
    receiver.wait_for(1, PATIENCE).await;
    receiver.always(Reply::Late(Duration::from_secs(1)));
    join_all((0..64).map(|n| async move { stack.post(&json!({"to": "topic:warm", "data": n})).await })).await;
    receiver.wait_for(65, 3 * PATIENCE).await;
    let idle = || async { stack.queue("EndpointsQueue").await["in_flight"] == 0 };
    stack.until("all have ended", idle).await;
}

/// Notes how long a request took that waits for no endpoint, at worst.
async fn watch(stack: &Stack, worst: &mut Duration) {
    loop {
        let began = Instant::now();
        stack
            .call(
                Method::GET,
                "/v1/channels/topic:warm",
                Some(&stack.token(&json!({"sub": "ann", "subscribe": ["topic:*"]}))),
                &[],
                None,
            )
            .await;
        *worst = began.elapsed().max(*worst);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Forty notifications to each of these users, all of whose endpoints are slow, and forty to a healthy endpoint meanwhile. If the
/// slow ones are `known`, they were quick until then.
async fn beside(users: usize, each: usize, known: bool) -> (Stack, Receiver) {
    let stack = Stack::start_with(&LOOPBACK).await;
    let (slow, well) = (Receiver::start().await, Receiver::start().await);
    let inboxes = crowd(&stack, &slow, users, each).await;
    stack.add_webhook("topic:well", &well.url).await;
    warm_up(&stack).await;
    stack.post(&json!({"to": "topic:well", "data": "first"})).await;
    well.wait_for(1, PATIENCE).await;
    if known {
        send_to(&stack, &inboxes, 1).await;
        slow.wait_for(each * users, PATIENCE).await;
        let known = || async {
            let rows = stack.rows("Subscribers").await;
            rows.iter().filter(|row| row["known_quick"]["BOOL"] == true).count() > each * users
        };
        stack.until("all were quick", known).await;
    }
    slow.always(Reply::Late(SLOWEST));
    let (mut worst, mut busy) = (Duration::ZERO, Duration::ZERO);
    let sending = async {
        tokio::join!(send_to(&stack, &inboxes, 40), async {
            worst = worst_of(40, &stack, "topic:well", &well).await;
        });
    };
    tokio::select! {
        () = sending => {}
        () = watch(&stack, &mut busy) => {}
    }
    tell(&format!(
        "SLOW {users} users with {each} endpoints each, quick before: {known}; the worst of forty took {worst:?}, a look at the stack {busy:?}"
    ));
    // What else the machine does at this moment makes both slower. A notification to an endpoint takes some three such steps.
    assert!(worst < BESIDE + 3 * busy, "{worst:?}, a look at the stack {busy:?}");
    (stack, slow)
}

/// One that is added now has its first notification in time as well.
async fn assert_a_new_one_is_served(stack: &Stack) {
    let new = Receiver::start().await;
    stack.add_webhook("topic:new", &new.url).await;
    let began = Instant::now();
    stack.post(&json!({"to": "topic:new", "data": "first"})).await;
    new.wait_for(1, PATIENCE).await;
    assert!(began.elapsed() < BESIDE, "{:?}", began.elapsed());
}

#[tokio::test]
async fn ten_slow_endpoints_of_one_user_keep_no_healthy_one_waiting() {
    let _room = room().await;
    let (stack, _slow) = beside(1, 10, false).await;
    assert_a_new_one_is_served(&stack).await;
}

#[tokio::test]
#[ignore = "takes as long as its neighbours and tries little else: cargo test --workspace --test wire -- --ignored endpoints::slow"]
async fn fifty_slow_endpoints_of_five_users_keep_no_healthy_one_waiting() {
    let _room = room().await;
    let (stack, _slow) = beside(5, 10, false).await;
    assert_a_new_one_is_served(&stack).await;
}

#[tokio::test]
async fn ten_that_were_quick_and_are_slow_of_a_sudden_keep_no_healthy_one_waiting() {
    let _room = room().await;
    beside(1, 10, true).await;
}

#[tokio::test]
async fn fifty_that_were_quick_and_are_slow_of_a_sudden_keep_no_healthy_one_waiting() {
    let _room = room().await;
    beside(5, 10, true).await;
}

#[tokio::test]
async fn fifty_slow_endpoints_of_as_many_users_keep_no_healthy_one_waiting() {
    let _room = room().await;
    beside(50, 1, false).await;
}

#[tokio::test]
#[ignore = "takes as long as its neighbours and tries little else: cargo test --workspace --test wire -- --ignored endpoints::slow"]
async fn fifty_of_as_many_users_that_are_slow_of_a_sudden_keep_no_healthy_one_waiting() {
    let _room = room().await;
    beside(50, 1, true).await;
}

/// Replays of one user, each of which queues whatever there is for a slow endpoint.
#[tokio::test]
async fn replays_at_slow_endpoints_keep_no_healthy_one_waiting() {
    let _room = room().await;
    let stack = Stack::start_with(&LOOPBACK).await;
    let (slow, well) = (Receiver::start().await, Receiver::start().await);
    let inboxes = crowd(&stack, &slow, 1, 10).await;
    stack.add_webhook("topic:well", &well.url).await;
    send_to(&stack, &inboxes, 20).await;
    slow.wait_for(200, PATIENCE).await;
    slow.always(Reply::Late(SLOWEST));
    let user = stack.token(&json!({"sub": "mallory-0"}));
    let path = "/v1/channels/user:mallory-0/endpoints";
    let listed = stack.call(Method::GET, path, Some(&user), &[], None).await.body;
    let replays = async {
        for endpoint in listed["endpoints"].as_array().unwrap() {
            let path = format!("{path}/{}/replay", endpoint["id"].as_str().unwrap());
            let answer = stack.call(Method::POST, &path, Some(&user), &[], Some(json!({"seq": 1}).to_string())).await;
            assert_eq!(answer.status, 202, "{answer:?}");
        }
    };
    let ((), worst) = tokio::join!(replays, worst_of(40, &stack, "topic:well", &well));
    assert!(worst < BESIDE, "{worst:?}");
}

/// In the slow lane too, one with a backlog keeps others waiting only until an attempt ends.
#[tokio::test]
async fn a_slow_endpoint_with_a_backlog_leaves_others_their_share_of_the_slow_lane() {
    let _room = room().await;
    let stack = Stack::start_with(&LOOPBACK).await;
    let (slow, honest) = (Receiver::start().await, Receiver::start().await);
    slow.always(Reply::Late(Duration::from_secs(4)));
    honest.always(Reply::Late(Duration::from_secs(2)));
    let inboxes = crowd(&stack, &slow, 1, 10).await;
    let (id, _) = stack.add_webhook("topic:honest", &honest.url).await;
    stack.post(&json!({"to": "topic:honest", "data": 0})).await;
    stack.attempts("topic:honest", &id, 1).await;
    // 300, of which ten at a time are made: two minutes.
    send_to(&stack, &inboxes, 30).await;
    slow.wait_for(11, PATIENCE).await;
    for n in 2..=3 {
        let began = Instant::now();
        stack.post(&json!({"to": "topic:honest", "data": n})).await;
        honest.wait_for(n, PATIENCE).await;
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    }
}

/// With two executions, one of which may wait for a receiver that has turned slow.
#[tokio::test]
async fn who_turns_slow_beside_others_gets_it_again_with_all_of_its_time() {
    let few = [&LOOPBACK[..], &["--parameter", "EndpointConcurrency=2"]].concat();
    let stack = Stack::start_with(&few).await;
    let late = Receiver::start().await;
    let mut ids = Vec::new();
    for n in 0..2 {
        let channel = format!("topic:{n}");
        let id = stack.add_webhook(&channel, &format!("{}/{n}", late.url)).await.0;
        stack.post(&json!({"to": channel, "data": "quick"})).await;
        stack.attempts(&channel, &id, 1).await;
        let row = || async { stack.endpoint_row(&id).await["known_quick"]["BOOL"] == true };
        stack.until("it was quick", row).await;
        ids.push((channel, id));
    }
    late.always(Reply::Late(Duration::from_secs(4)));
    stack.post(&json!({"to": ["topic:0", "topic:1"], "data": "late"})).await;
    late.wait_for(5, PATIENCE).await;
    let told = async |count| {
        let mut told = Vec::new();
        for (channel, id) in &ids {
            let attempts = stack.endpoint(channel, id).await["attempts"].as_array().unwrap().clone();
            told.extend(attempts.into_iter().filter(|one| one["seq"] == 2));
        }
        (told.len() == count).then_some(told)
    };
    stack.until("both are delivered", || async { told(3).await.is_some() }).await;
    let told = told(3).await.unwrap();
    let outcomes = |outcome: &str| told.iter().filter(|one| one["outcome"] == outcome).cloned().collect::<Vec<Value>>();
    assert_eq!(outcomes("delivered").len(), 2, "{told:?}");
    let [cut] = &outcomes("put_off")[..] else { panic!("one was broken off: {told:?}") };
    assert_eq!((&cut["reason"], &cut["attempt"], &cut["status"]), (&json!("slow"), &json!(1), &Value::Null));
    assert!(told.iter().all(|one| one["attempt"] == 1), "what was broken off does not count: {told:?}");
    assert_eq!(late.received().len(), 5);
}

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
        let sent = stack.post(&json!({"to": "topic:well", "data": round})).await;
        assert_eq!(sent.status, 202, "{sent:?}");
        well.wait_for(round, PATIENCE).await;
        let took = began.elapsed();
        assert!(took < BESIDE, "{took:?} in round {round}, with {} of the flood", slow.received().len());
        stack.post(&json!({"to": "user:bob", "body": "due", "delay": "1s"})).await;
        stack.until("what is due is sent", || async { stack.seqs("user:bob").await.len() == round }).await;
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        // Also of what waited meanwhile.
        stack.hasten(100).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

#[tokio::test]
async fn a_flood_for_one_that_hangs_keeps_no_other_waiting_and_nothing_that_is_due() {
    flood([], Reply::Hang).await;
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
    let slow = Receiver::start().await;
    slow.always(Reply::Late(Duration::from_secs(3)));
    let (id, _) = stack.add_webhook("topic:slow", &slow.url).await;
    for n in 0..40 {
        stack.post(&json!({"to": "topic:slow", "data": n})).await;
    }
    stack.attempts("topic:slow", &id, 1).await;
    for _ in 0..5 {
        stack.do_with_endpoint("topic:slow", &id, "replay", Some(json!({"seq": 1}))).await;
    }
    let is_empty = async |queue: &str| {
        let queue = stack.queue(queue).await;
        ["visible", "in_flight", "delayed"].iter().all(|state| queue[state] == 0)
    };
    let is_over = || async { is_empty("EndpointsQueue").await && is_empty("SlowEndpointsQueue").await };
    stack.until("all is done with", is_over).await;
    let came = slow.received().len();
    // All of them piled up would be 240.
    assert!(
        (40..=100).contains(&came),
        "{came} attempts at 40 notifications, most of which no replay was the last for"
    );
}

/// Whatever it was meanwhile, one that is quick again is not slow for long.
#[tokio::test]
async fn one_that_is_quick_again_comes_back_from_the_slow_lane() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    receiver.then([Reply::Late(Duration::from_secs(3))]);
    let (id, _) = stack.add_webhook("topic:a", &receiver.url).await;
    let lane = async |data: &str| {
        let before = stack.queue("SlowEndpointsQueue").await["sent"].as_u64().unwrap();
        let came = receiver.received().len();
        stack.post(&json!({"to": "topic:a", "data": data})).await;
        stack.attempts("topic:a", &id, came + 1).await;
        stack.queue("SlowEndpointsQueue").await["sent"].as_u64().unwrap() - before
    };
    assert_eq!(lane("late").await, 0, "nobody knows yet");
    assert_eq!(lane("quick, too soon to count").await, 1);
    assert!(stack.endpoint_row(&id).await["slow_until"]["N"].is_string());
    stack.slow_endpoint("topic:a", &id, 0).await;
    assert_eq!(lane("quick").await, 1);
    let back = || async { stack.endpoint_row(&id).await["slow_until"].is_null() };
    stack.until("it is known to be quick", back).await;
    assert_eq!(lane("quick again").await, 0);
}
