//! In time, to the second, on a timer of a minute; and never early.

use std::time::Duration;

use serde_json::{Value, json};

use crate::anywhere::later::{cancel, moment, now, schedule};
use crate::append::CROWD;
use crate::harness::{Folder, Socket, Stack};

/// The latest that a notification may come after its time, in milliseconds.
const LATEST: i64 = 1_000;

/// What is due when, and how it was scheduled.
struct Expected {
    id: String,
    due: i64,
    what: &'static str,
}

struct Plan<'a> {
    stack: &'a Stack,
    expected: Vec<Expected>,
}

impl Plan<'_> {
    /// Schedules for so many milliseconds from now.
    async fn add(&mut self, what: &'static str, ahead: i64) {
        let due = jiff::Timestamp::from_millisecond(now() + ahead).unwrap();
        let (id, due) =
            schedule(self.stack, &json!({"to": "user:alice", "body": what, "deliver_at": due.to_string()})).await;
        self.expected.push(Expected { id, due, what });
    }
}

/// How often the stack has run the sweeper.
async fn sweeps(stack: &Stack) -> u64 {
    let schedules = stack.control(reqwest::Method::GET, "schedules", None).await;
    schedules[0]["fired"].as_u64().unwrap()
}

async fn until_a_sweep_is_over(stack: &Stack) {
    let before = sweeps(stack).await;
    let deadline = now() + 70_000;
    while sweeps(stack).await == before {
        assert!(now() < deadline, "no sweep within a minute");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// How late each came that a socket is given until `end`, by id.
async fn arrivals(socket: &mut Socket, end: i64) -> Vec<(Value, i64)> {
    let mut arrivals = Vec::new();
    while let Ok(left) = u64::try_from(end - now()) {
        let Ok(item) = tokio::time::timeout(Duration::from_millis(left), socket.item()).await else { break };
        arrivals.push((item, now()));
    }
    arrivals
}

fn report(name: &str, mut lateness: Vec<i64>) {
    lateness.sort_unstable();
    let median = lateness[lateness.len() / 2];
    let last = lateness.last().unwrap();
    super::tell(&format!("LATENESS {name}: {} notifications, median {median} ms, last {last} ms", lateness.len()));
    assert!(lateness[0] >= 0, "{name}: one was early");
    assert!(*lateness.last().unwrap() < LATEST, "{name}: one was late");
    assert!(median < LATEST / 2, "{name}");
}

#[tokio::test]
async fn what_is_due_comes_within_a_second_of_its_time_and_a_series_is_in_time_for_five_minutes() {
    let _no_crowd = CROWD.lock().await;
    let stack = Stack::start().await;
    let mut socket = stack.connect("alice").await;
    let mut plan = Plan { stack: &stack, expected: Vec::new() };
    plan.add("in 3 s", 3_000).await;
    plan.add("in 70 s", 70_000).await;
    let (series, first) = schedule(&stack, &json!({"to": "user:alice", "body": "tick", "repeat": "* * * * *"})).await;
    let ended = schedule(&stack, &json!({"to": "user:alice", "body": "ended", "repeat": "* * * * *"})).await.0;

    // The sweeper queues these, not who writes them; one of them before a sweep, the other just after it.
    plan.add("in 230 s, before a sweep", 230_000).await;
    until_a_sweep_is_over(&stack).await;
    plan.add("in 45 s, just after a sweep", 45_000).await;
    plan.add("in 200 s, just after a sweep", 200_000).await;
    // On both sides of a minute's boundary.
    let boundary = 60_000 - now() % 60_000 + 120_000;
    plan.add("a millisecond before a minute", boundary - 1).await;
    plan.add("on the minute", boundary).await;
    plan.add("a millisecond after a minute", boundary + 1).await;
    let expected = plan.expected;

    let mut arrived = arrivals(&mut socket, first + 2_000).await;
    assert_eq!(arrived.iter().filter(|(item, _)| item["body"] == "ended").count(), 1, "its first firing");
    assert_eq!(cancel(&stack, &ended).await.0, 200);
    arrived.extend(arrivals(&mut socket, first + 4 * 60_000 + 2_000).await);
    assert_eq!(cancel(&stack, &series).await.0, 200);
    arrived.extend(arrivals(&mut socket, first + 5 * 60_000 + 2_000).await);

    let at = |id: &str| arrived.iter().filter(|(item, _)| item["id"] == id).map(|(_, at)| *at).collect::<Vec<_>>();
    let lateness = expected.iter().map(|Expected { id, due, what }| {
        let [at] = at(id)[..] else { panic!("{what} came {} times", at(id).len()) };
        at - due
    });
    report("scheduled", lateness.collect());
    let ticks: Vec<_> = arrived.iter().filter(|(item, _)| item["body"] == "tick").map(|(_, at)| *at).collect();
    assert_eq!(ticks.len(), 5, "every minute, until it was cancelled");
    report("series", ticks.iter().zip(0..).map(|(at, n)| at - (first + n * 60_000)).collect());
    assert_eq!(
        arrived.iter().filter(|(item, _)| item["body"] == "ended").count(),
        1,
        "cancelled after its first firing"
    );
    assert_eq!(arrived.len(), expected.len() + 6, "and nothing else");
}

#[tokio::test]
async fn what_was_scheduled_before_a_kill_of_the_stack_comes_in_time_after_it() {
    let _no_crowd = CROWD.lock().await;
    let folder = Folder::new("tidings-punctual");
    let mut stack = Stack::start_with(&["--data", folder.path()]).await;
    let mut expected = Vec::new();
    for ahead in [6_000, 8_000, 12_000] {
        let due = jiff::Timestamp::from_millisecond(now() + ahead).unwrap();
        let body = json!({"to": "user:alice", "body": "x", "deliver_at": due.to_string()});
        expected.push(schedule(&stack, &body).await);
    }
    let cancelled = schedule(&stack, &json!({"to": "user:alice", "body": "never", "delay": "7s"})).await.0;
    assert_eq!(cancel(&stack, &cancelled).await.0, 200);
    stack.kill_and_restart();
    let mut socket = stack.connect("alice").await;
    let mut lateness = Vec::new();
    for (id, due) in &expected {
        let item = socket.item().await;
        lateness.push(now() - due);
        assert_eq!(item["id"], json!(id));
        assert!(moment(&item["sent_at"]) >= *due);
    }
    report("after a kill", lateness);
    assert_eq!(stack.seqs("user:alice").await, [1, 2, 3]);
}
