//! A webhook that is never there, until somebody mends it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::anywhere::later::now;
use crate::harness::{PATIENCE, Receiver, Stack, receiver_port};
use crate::schedule::rows::due_of;

const CHANNEL: &str = "topic:builds";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// The pauses between attempts, in milliseconds; the jitter adds up to a tenth.
const PAUSES: [i64; 9] =
    [5_000, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR];

async fn dead_letters(stack: &Stack) -> u64 {
    stack.queue("EndpointDeadLetters").await["visible"].as_u64().unwrap()
}

/// Lets the time pass until an attempt that has failed so often is due again.
async fn pass(stack: &Stack, id: &str, ahead: &mut i64, attempts: usize) {
    let pause = PAUSES[attempts - 1] * 11 / 10 + 1_000;
    if pause <= 15 * MINUTE {
        *ahead += pause;
        stack.until_waiting(1).await;
        stack.set_ahead(*ahead).await;
        stack.hasten(u64::try_from(pause / 1000).unwrap()).await;
        return;
    }
    let rows = async || stack.all_rows("Schedule").await.into_iter().find(|row| is_later(row, attempts + 1));
    stack.until("the next attempt is in the schedule", || async { rows().await.is_some() }).await;
    let failed = sent_at(stack.endpoint(CHANNEL, id).await["attempts"][0]["at"].as_str().unwrap());
    let due = due_of(&rows().await.unwrap());
    assert!((PAUSES[attempts - 1]..=pause).contains(&(due - failed)), "after attempt {attempts}: {} ms", due - failed);
    *ahead = due + 1_000 - now();
    stack.skip_to(due + 1_000).await;
    stack.sweep().await;
    let handed = || async { rows().await.unwrap()["done"]["BOOL"] == true };
    stack.until("the schedule has handed it on", handed).await;
}

fn sent_at(moment: &str) -> i64 {
    moment.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn is_later(row: &Value, attempt: usize) -> bool {
    row["attempt"]["M"]["attempt"]["N"] == attempt.to_string().as_str()
}

#[tokio::test]
async fn one_that_never_answers_is_dead_lettered_and_then_disabled_and_replayed_once_mended() {
    let Some(stack) = Stack::start_with_clock(&LOOPBACK).await else { return };
    // Nobody listens there, until somebody does.
    let address = SocketAddr::from(([127, 0, 0, 1], receiver_port()));
    let (id, _) = stack.add_webhook(CHANNEL, &format!("http://{address}/hook")).await;
    stack.stop_sweeps().await;
    stack.post(&json!({"to": CHANNEL, "body": "first"})).await;
    let mut ahead = 0;
    for attempts in 1..=PAUSES.len() {
        let told = stack.attempts(CHANNEL, &id, attempts).await;
        assert_eq!(told.last().unwrap()["reason"], "connection_refused", "{told:?}");
        assert_eq!(dead_letters(&stack).await, 0);
        pass(&stack, &id, &mut ahead, attempts).await;
    }
    stack.attempts(CHANNEL, &id, PAUSES.len() + 1).await;
    stack.until("it is a dead letter", || async { dead_letters(&stack).await == 1 }).await;
    assert_eq!(stack.endpoint(CHANNEL, &id).await["state"], "failing");

    let since = stack.endpoint(CHANNEL, &id).await["failing_since"].clone();
    assert!(since.is_string());

    // Five days after the first of them it is disabled, with a word to its owner.
    stack.set_ahead(5 * 24 * HOUR + HOUR).await;
    stack.post(&json!({"to": CHANNEL, "body": "second"})).await;
    let disabled = || async { stack.endpoint(CHANNEL, &id).await["state"] == "disabled" };
    stack.until("it is disabled", disabled).await;
    let told = || async { !stack.seqs("user:publisher").await.is_empty() };
    stack.until("its owner is notified", told).await;
    let word = stack.log_rows("user:publisher").await[0]["content"]["S"].as_str().unwrap().to_owned();
    let word: Value = serde_json::from_str(&word).unwrap();
    assert_eq!(
        word["data"],
        json!({"tidings": "endpoint_disabled", "endpoint": id, "channel": CHANNEL, "kind": "webhook", "failing_since": since})
    );
    let sent = stack.post(&json!({"to": CHANNEL, "body": "third"})).await.body;
    assert_eq!(sent["channels"][0]["endpoints"], 0, "{sent}");

    let receiver = Receiver::start_at(address).await;
    let replayed = stack.do_with_endpoint(CHANNEL, &id, "replay", Some(json!({"seq": 1}))).await;
    assert_eq!(replayed, json!({"queued": 3, "from": 1, "seq": 3, "more": false}));
    let mut seqs: Vec<u64> = receiver.wait_for(3, PATIENCE).await.iter().map(|one| one.seq()).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [1, 2, 3]);
    assert_eq!(stack.endpoint(CHANNEL, &id).await["state"], "active");
    assert_eq!(stack.seqs("user:publisher").await, [1], "its owner was notified once");
}
