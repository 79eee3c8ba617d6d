//! In time, to the second, on a timer of a minute; and never early.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::anywhere::later::{cancel, moment, now, schedule};
use crate::harness::{Folder, Socket, Stack};

/// The latest that a notification may come after its time, in milliseconds, on a machine that has nothing else to do.
const LATEST: i64 = 1_000;

/// The time between two looks at how busy the machine is.
const LOOK: Duration = Duration::from_millis(500);

/// A notification, its time, and the way it was scheduled.
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

/// The number of times that the stack has run the sweeper.
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

/// The items that a socket is given, each with its time, for as long as the value lives.
struct Arrivals {
    seen: Arc<Mutex<Vec<(Value, i64)>>>,
    reading: JoinHandle<()>,
}

impl Arrivals {
    fn of(mut socket: Socket) -> Self {
        let seen: Arc<Mutex<Vec<(Value, i64)>>> = Arc::default();
        let to = Arc::clone(&seen);
        let reading = tokio::spawn(async move {
            while let Ok(frame) = socket.whenever_it_comes().await {
                let at = now();
                let items = frame["items"].as_array().into_iter().flatten().map(|item| (item.clone(), at));
                to.lock().unwrap().extend(items);
            }
        });
        Self { seen, reading }
    }

    /// When each came that has this in that field.
    fn of_those(&self, field: &str, value: &str) -> Vec<i64> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(item, _)| item[field] == value).map(|(_, at)| *at).collect()
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// The longest that the stack takes for a call that reads nothing, while the value lives. A machine that does other work takes as long
/// for everything.
struct Busy {
    longest: Arc<AtomicI64>,
    looking: JoinHandle<()>,
}

impl Busy {
    fn of(stack: &Stack) -> Self {
        let (longest, client, url) = (Arc::new(AtomicI64::new(0)), Client::new(), format!("{}/v1/health", stack.http));
        let to = Arc::clone(&longest);
        let looking = tokio::spawn(async move {
            loop {
                let before = now();
                if client.get(&url).send().await.is_ok() {
                    to.fetch_max(now() - before, Ordering::Relaxed);
                }
                tokio::time::sleep(LOOK).await;
            }
        });
        Self { longest, looking }
    }

    fn longest(&self) -> i64 {
        self.longest.load(Ordering::Relaxed)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.looking.abort();
    }
}

async fn sleep_until(moment: i64) {
    tokio::time::sleep(Duration::from_millis(u64::try_from(moment - now()).unwrap_or_default())).await;
}

fn report(name: &str, mut lateness: Vec<i64>, busy: &Busy) {
    lateness.sort_unstable();
    let (count, median, last) = (lateness.len(), lateness[lateness.len() / 2], lateness[lateness.len() - 1]);
    let longest = busy.longest();
    super::tell(&format!(
        "LATENESS {name}: {count} notifications, median {median} ms, last {last} ms; a call that does nothing took {longest} ms at most"
    ));
    assert!(lateness[0] >= 0, "{name}: one was early");
    assert!(last < LATEST + longest, "{name}: one was late");
    assert!(median < LATEST / 2, "{name}");
}

#[tokio::test]
async fn what_is_due_comes_within_a_second_of_its_time_and_a_series_is_in_time_for_five_minutes() {
    let stack = Stack::start().await;
    let (arrivals, busy) = (Arrivals::of(stack.connect("alice").await), Busy::of(&stack));
    let mut plan = Plan { stack: &stack, expected: Vec::new() };
    plan.add("in 3 s", 3_000).await;
    plan.add("in 70 s", 70_000).await;
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
    let (series, first) = schedule(&stack, &json!({"to": "user:alice", "body": "tick", "repeat": "* * * * *"})).await;
    let ended = schedule(&stack, &json!({"to": "user:alice", "body": "ended", "repeat": "* * * * *"})).await.0;

    sleep_until(first + 2_000).await;
    assert_eq!(cancel(&stack, &ended).await.0, 200);
    sleep_until(first + 4 * 60_000 + 2_000).await;
    assert_eq!(cancel(&stack, &series).await.0, 200);
    sleep_until(first + 5 * 60_000 + 2_000).await;

    let lateness = plan.expected.iter().map(|Expected { id, due, what }| {
        let [at] = arrivals.of_those("id", id)[..] else { panic!("{what} did not come once") };
        at - due
    });
    report("scheduled", lateness.collect(), &busy);
    let ticks = arrivals.of_those("body", "tick");
    assert_eq!(ticks.len(), 5, "every minute, until it was cancelled");
    report("series", ticks.iter().zip(0..).map(|(at, n)| at - (first + n * 60_000)).collect(), &busy);
    assert_eq!(arrivals.of_those("body", "ended").len(), 1, "cancelled after its first firing");
    assert_eq!(arrivals.seen.lock().unwrap().len(), plan.expected.len() + 6, "and nothing else");
}

#[tokio::test]
async fn what_was_scheduled_before_a_kill_of_the_stack_comes_in_time_after_it() {
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
    let (mut socket, busy) = (stack.connect("alice").await, Busy::of(&stack));
    let mut lateness = Vec::new();
    for (id, due) in &expected {
        let item = socket.item().await;
        lateness.push(now() - due);
        assert_eq!(item["id"], json!(id));
        assert!(moment(&item["sent_at"]) >= *due);
    }
    report("after a kill", lateness, &busy);
    assert_eq!(stack.seqs("user:alice").await, [1, 2, 3]);
}
