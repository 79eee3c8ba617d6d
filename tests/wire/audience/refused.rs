//! Posts that are refused (429), to all or to one, and connections that give no answer.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::{hasten, next_hastened, open};
use crate::harness::{Socket, Stack, room};

/// The number of posts until now, to one connection or to all.
async fn posts(stack: &Stack, to: Option<&str>) -> usize {
    let is_post = |call: &Value| call["service"] == "management" && call["operation"] == "POST";
    let calls = stack.calls().await;
    calls.iter().filter(|call| is_post(call) && to.is_none_or(|to| call["connection"] == *to)).count()
}

/// Waits until the shares queue is idle, but for messages with a delay.
async fn until_idle(stack: &Stack) {
    let is_idle = || async {
        let queue = stack.queue("SharesQueue").await;
        queue["visible"] == 0 && queue["in_flight"] == 0
    };
    stack.until("what is due in the queue is worked on", is_idle).await;
}

async fn refuse(stack: &Stack, connection: Option<&str>) {
    let mut rule = json!({"on": "management.POST", "times": 0, "do": {"status": 429}});
    if let Some(connection) = connection {
        rule["connection"] = json!(connection);
    }
    stack.fault(rule).await;
}

/// The next item of each, while what waits comes sooner.
async fn items_hastened(stack: &Stack, sockets: &mut [Socket]) -> Vec<Value> {
    let hastening = async {
        loop {
            hasten(stack).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        items = join_all(sockets.iter_mut().map(Socket::item)) => items,
        () = hastening => unreachable!(),
    }
}

#[tokio::test]
async fn while_the_quota_is_used_up_posts_are_few_and_nobody_is_cut_and_then_all_get_it() {
    const COUNT: usize = 30;
    let stack = Stack::start().await;
    let mut sockets = open(&stack, COUNT, &["topic:busy".to_owned()]).await;
    refuse(&stack, None).await;
    stack.forget_calls().await;
    let sent = stack.post(&json!({"to": "topic:busy", "body": "after all"})).await;
    let channel = &sent.body["channels"][0];
    assert_eq!((sent.status, &channel["connections"], &channel["queued"]), (202, &json!(0), &json!(true)), "{sent:?}");
    // 2, 10 and 30 seconds later at most.
    for _ in 0..3 {
        hasten(&stack).await;
        until_idle(&stack).await;
    }
    let (tried, messages) = (posts(&stack, None).await, stack.queued("SharesQueue").await);
    assert!(tried <= 2 * COUNT && messages <= 2 * COUNT as u64, "{tried} posts, {messages} messages");
    assert_eq!(stack.sockets().await.len(), COUNT);
    stack.assert_faults_fired().await;
    for item in items_hastened(&stack, &mut sockets).await {
        assert_eq!((&item["seq"], &item["body"]), (&json!(1), &json!("after all")));
    }
    let cuts = stack.calls().await.iter().filter(|call| call["operation"] == "DELETE").count();
    assert_eq!((cuts, stack.sockets().await.len()), (0, COUNT));
    // Each took it once: the rest of a range leaves out those who had it.
    let taken = stack.calls().await.iter().filter(|call| call["operation"] == "POST" && call["status"] == 200).count();
    assert_eq!(taken, COUNT);
}

#[tokio::test]
async fn a_large_audience_is_left_as_a_few_ranges_while_the_quota_is_used_up() {
    let _room = room().await;
    const COUNT: usize = 600;
    let stack = Stack::start().await;
    let mut sockets = open(&stack, COUNT, &["topic:busy".to_owned()]).await;
    refuse(&stack, None).await;
    stack.forget_calls().await;
    let sent = stack.post(&json!({"to": "topic:busy", "body": "after all"})).await;
    assert_eq!((sent.status, &sent.body["channels"][0]["queued"]), (202, &json!(true)), "{sent:?}");
    for _ in 0..2 {
        until_idle(&stack).await;
        hasten(&stack).await;
    }
    until_idle(&stack).await;
    let (tried, messages) = (posts(&stack, None).await, stack.queued("SharesQueue").await);
    assert!(tried <= COUNT && messages <= COUNT as u64 / 3, "{tried} posts, {messages} messages");
    stack.assert_faults_fired().await;
    for item in items_hastened(&stack, &mut sockets).await {
        assert_eq!((&item["seq"], &item["body"]), (&json!(1), &json!("after all")));
    }
    let taken = stack.calls().await.iter().filter(|call| call["operation"] == "POST" && call["status"] == 200).count();
    assert_eq!((taken, stack.sockets().await.len()), (COUNT, COUNT));
}

#[tokio::test]
async fn a_gateway_that_fails_for_a_while_costs_nobody_their_connection() {
    const COUNT: usize = 20;
    let stack = Stack::start().await;
    let mut sockets = open(&stack, COUNT, &["topic:busy".to_owned()]).await;
    stack.fault(json!({"on": "management.POST", "times": 0, "do": {"status": 500}})).await;
    let sent = stack.post(&json!({"to": "topic:busy", "body": "after all"})).await;
    assert_eq!((sent.status, &sent.body["channels"][0]["queued"]), (202, &json!(true)), "{sent:?}");
    for _ in 0..4 {
        hasten(&stack).await;
        until_idle(&stack).await;
    }
    stack.assert_faults_fired().await;
    for item in items_hastened(&stack, &mut sockets).await {
        assert_eq!(item["body"], "after all");
    }
    assert_eq!(stack.sockets().await.len(), COUNT);
}

#[tokio::test]
async fn one_connection_that_is_refused_each_time_slows_nobody_and_is_not_cut() {
    const COUNT: usize = 40;
    let stack = Stack::start().await;
    let channels = ["topic:news".to_owned()];
    let mut stuck = open(&stack, 1, &channels).await.remove(0);
    let id = stack.sockets().await[0].clone();
    let mut others = open(&stack, COUNT, &channels).await;
    refuse(&stack, Some(&id)).await;
    stack.forget_calls().await;
    for n in 1..=3 {
        let began = Instant::now();
        let sent = stack.post(&json!({"to": "topic:news", "body": n.to_string()})).await;
        let channel = &sent.body["channels"][0];
        assert_eq!((sent.status, &channel["connections"], &channel["queued"]), (202, &json!(COUNT), &json!(true)));
        for item in join_all(others.iter_mut().map(Socket::item)).await {
            assert_eq!(item["body"], n.to_string());
        }
        // Two more tries of the one, of a second together.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
    for _ in 0..6 {
        hasten(&stack).await;
        until_idle(&stack).await;
    }
    assert_eq!(posts(&stack, None).await - posts(&stack, Some(&id)).await, 3 * COUNT, "nobody else is posted to again");
    assert_eq!(stack.sockets().await.len(), COUNT + 1);
    stack.assert_faults_fired().await;
    let mut seqs = Vec::new();
    for _ in 0..3 {
        let frame = next_hastened(&stack, &mut stuck).await.expect("it is not cut");
        seqs.push(frame["items"][0]["seq"].as_u64().unwrap());
    }
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3]);
}

#[tokio::test]
async fn connections_that_give_no_answer_are_closed_at_different_times() {
    const COUNT: usize = 8;
    let stack = Stack::start().await;
    let sockets = open(&stack, COUNT, &["topic:silent".to_owned()]).await;
    stack.send("topic:silent", "x").await;
    stack.fault(json!({"on": "management.POST", "times": 0, "do": {"close": true}})).await;
    let url = stack.queue_url("SharesQueue").await;
    // As this release and the one before write it, after three tries.
    for connection in stack.sockets().await {
        let one = json!({"connection": connection, "tries": 3});
        let body = json!({"v": 1, "channel": "topic:silent", "seq": 1, "one": one}).to_string();
        stack.aws_call("AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
    }
    let all_wait = || async { stack.queue("SharesQueue").await["delayed"] == COUNT };
    stack.until("each waits for its last try", all_wait).await;
    // Spread over four minutes: how many come in each third of a minute.
    let mut waiting = vec![COUNT as u64];
    while *waiting.last().unwrap() > 0 && waiting.len() <= 20 {
        stack.control(Method::POST, "queues/SharesQueue/advance", Some(json!({"seconds": 20}))).await;
        waiting.push(stack.queue("SharesQueue").await["delayed"].as_u64().unwrap());
    }
    let moments = waiting.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!(moments >= 3, "{waiting:?}");
    stack.until("all are closed", || async { stack.sockets().await.is_empty() }).await;
    let dead = stack.queue("ShareDeadLetters").await;
    assert_eq!(dead["visible"], 0, "{dead}");
    stack.assert_faults_fired().await;
    drop(sockets);
}

#[tokio::test]
async fn a_release_before_this_one_has_left_messages_that_are_still_served() {
    let stack = Stack::start().await;
    let mut alice = open(&stack, 1, &["topic:old".to_owned()]).await.remove(0);
    let id = stack.sockets().await[0].clone();
    stack.send("topic:old", "x").await;
    alice.item().await;
    let url = stack.queue_url("SharesQueue").await;
    for part in [json!({"one": {"connection": id, "tries": 3}}), json!({"range": {"digits": ""}}), json!({"range": {}})]
    {
        let mut body = json!({"v": 1, "channel": "topic:old", "seq": 1});
        body.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        let body = body.to_string();
        stack.aws_call("AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
        assert_eq!(alice.item().await["seq"], 1);
    }
}
