use std::path::PathBuf;

use serde_json::Map;
use uuid::Uuid;

use super::*;
use crate::faults::Known;

const WISH: Wish = Wish { count: 10, weight: usize::MAX, visibility: None };

fn open(folder: Option<&Path>, declared: Vec<template::Queue>) -> Queues {
    let faults = Faults::new(Known::default().with_queues(["q", "dead"]));
    Queues::open(folder, declared, Arc::new(faults)).expect("queues")
}

/// A queue whose messages are received once, and the one for its dead letters.
fn two() -> Vec<template::Queue> {
    let (queue, dead) = (template::Queue::named("q"), template::Queue::named("dead"));
    let redrive = Some(template::Redrive { target: dead.arn.clone(), limit: 1 });
    vec![template::Queue { redrive, ..queue }, dead]
}

fn letter(body: &str, delay: u64) -> Letter {
    Letter { body: body.to_owned(), attributes: Map::new(), delay: Some(Duration::from_millis(delay)), group: None }
}

fn send(queues: &Queues, body: &str, delay: u64) -> String {
    queues.send("q", "me", vec![letter(body, delay)]).expect("a sent message").remove(0)
}

async fn receive(queues: &Queues, name: &str, visibility: u64, wait: u64) -> Vec<Message> {
    let wish = Wish { visibility: Some(Duration::from_millis(visibility)), ..WISH };
    queues.receive(name, wish, Duration::from_millis(wait)).await.expect("an answer")
}

fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("queues-{}", Uuid::now_v7()));
    std::fs::create_dir(&folder).expect("a folder");
    folder
}

#[tokio::test]
async fn who_waits_gets_a_message_when_it_falls_due() {
    let queues = open(None, two());
    let start = Instant::now();
    send(&queues, "later", 1_000);
    assert!(receive(&queues, "q", 0, 20).await.is_empty());
    assert_eq!(receive(&queues, "q", 0, 20_000).await[0].body, "later");
    let waited = start.elapsed();
    // The test does not wait for the rest of the five seconds, however busy the machine is.
    assert!((Duration::from_millis(59)..Duration::from_secs(3)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn who_waits_gets_a_message_when_it_is_sent() {
    let queues = Arc::new(open(None, two()));
    let waiting = Arc::clone(&queues);
    let waiting = tokio::spawn(async move { receive(&waiting, "q", 1000, 5000).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    send(&queues, "now", 0);
    assert_eq!(waiting.await.expect("a message")[0].body, "now");
}

#[tokio::test]
async fn a_message_that_nobody_hides_any_more_wakes_who_waits() {
    let queues = Arc::new(open(None, vec![template::Queue::named("q")]));
    send(&queues, "one", 0);
    let received = receive(&queues, "q", 60_000, 0).await;
    let waiting = Arc::clone(&queues);
    let waiting = tokio::spawn(async move { receive(&waiting, "q", 1000, 5000).await });
    let handle = Handle::read(&received[0].handle()).expect("a handle");
    queues.hide("q", handle, Duration::ZERO).expect("an answer").expect("it is in flight");
    assert_eq!(waiting.await.expect("a message")[0].body, "one");
}

#[tokio::test]
async fn a_dead_letter_keeps_its_id_and_goes_back_as_a_new_message() {
    let queues = open(None, two());
    let id = send(&queues, "bad", 0);
    let sent = receive(&queues, "q", 0, 0).await[0].sent_ms;
    assert!(receive(&queues, "q", 0, 0).await.is_empty());
    let dead = receive(&queues, "dead", 0, 0).await.remove(0);
    assert_eq!((&dead.id, dead.sent_ms, dead.body.as_str()), (&id, sent, "bad"));
    let attributes = dead.system_attributes();
    assert_eq!(attributes["ApproximateReceiveCount"], "2");
    assert!(attributes["DeadLetterQueueSourceArn"].ends_with(":q"));

    assert_eq!(queues.redrive("q", None).expect("an answer"), Err(MoveRefused::NoDeadLetters));
    queues.redrive("dead", None).expect("an answer").expect("a task");
    let task = queues.moves("dead").remove(0);
    assert_eq!((task.found, task.moved), (1, 1));
    let back = receive(&queues, "q", 0, 0).await.remove(0);
    assert_eq!((back.count(), back.body.as_str()), (1, "bad"));
    assert_ne!(back.id, id);
}

#[tokio::test]
async fn a_doubled_message_comes_again_although_it_is_deleted_and_only_once() {
    let queues = open(None, vec![template::Queue::named("q")]);
    queues.faults.add(&json!({"on": "queue.q", "times": 0, "do": {"double": true}})).expect("a rule");
    let id = send(&queues, "twice", 0);
    let first = receive(&queues, "q", 60_000, 0).await.remove(0);
    queues.delete("q", &[Handle::read(&first.handle()).expect("a handle")]).expect("it is deleted");
    let second = receive(&queues, "q", 60_000, 2000).await.remove(0);
    assert_eq!((&first.id, &second.id), (&id, &id));
    assert_ne!(first.handle(), second.handle());
    queues.delete("q", &[Handle::read(&second.handle()).expect("a handle")]).expect("it is deleted");
    assert!(receive(&queues, "q", 0, 400).await.is_empty());
    assert_eq!(queues.describe()[0]["sent"], 1);
}

#[tokio::test]
async fn what_was_answered_survives_the_end_of_the_stack() {
    let folder = folder();
    let queues = open(Some(&folder), two());
    for body in ["deleted", "received"] {
        send(&queues, body, 0);
    }
    let received = receive(&queues, "q", 60_000, 0).await;
    queues.delete("q", &[Handle::read(&received[0].handle()).expect("a handle")]).expect("it is deleted");
    send(&queues, "delayed", 60_000);
    send(&queues, "waiting", 0);

    // Nothing closes it, as in a stack that is killed.
    let again = open(Some(&folder), two());
    let counts = again.counts("q").expect("a queue");
    assert_eq!(counts, Counts { visible: 1, in_flight: 1, delayed: 1 });
    let handle = Handle::read(&received[1].handle()).expect("a handle");
    again.hide("q", handle, Duration::ZERO).expect("an answer").expect("it is in flight still");
    let fresh = send(&again, "fresh", 0);
    // A message that was received once is a dead letter by now.
    let bodies: Vec<String> = receive(&again, "q", 60_000, 0).await.into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, ["waiting", "fresh"]);
    let third = open(Some(&folder), two());
    assert_eq!(receive(&third, "dead", 0, 0).await[0].body, "received");
    assert!(third.lock().last >= 5 && !fresh.is_empty());
    std::fs::remove_dir_all(folder).expect("a folder of ours");
}

#[tokio::test]
async fn a_long_queue_is_as_quick_as_a_short_one() {
    let queues = open(None, vec![template::Queue::named("q")]);
    for _ in 0..2000 {
        queues.send("q", "me", (0..10).map(|_| letter("x", 0)).collect()).expect("sent messages");
    }
    let start = Instant::now();
    let mut handles = Vec::new();
    for _ in 0..2000 {
        let batch = receive(&queues, "q", 60_000, 0).await;
        handles.extend(batch.iter().filter_map(|message| Handle::read(&message.handle())));
    }
    queues.delete("q", &handles).expect("they are deleted");
    assert_eq!(queues.counts("q"), Some(Counts { visible: 0, in_flight: 0, delayed: 0 }));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn time_may_be_skipped_for_a_queue() {
    let queues = Arc::new(open(None, two()));
    send(&queues, "in a quarter of an hour", 900_000);
    let waiting = Arc::clone(&queues);
    let waiting = tokio::spawn(async move { receive(&waiting, "q", 3_600_000, 5000).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(queues.advance("q", hour, false).expect("an answer"), Some(1));
    assert_eq!(waiting.await.expect("a message")[0].body, "in a quarter of an hour");
    assert_eq!(queues.advance("q", hour, false).expect("an answer"), Some(0));
    assert_eq!(queues.advance("q", hour, true).expect("an answer"), Some(1));
    assert_eq!(queues.advance("nowhere", hour, true).expect("an answer"), None);
}
