//! Receivers fail, functions die, calls are throttled, messages double and the stack is killed; everything arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use rand::RngExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{Folder, Receiver, Stack, room};
use crate::schedule::tell;

const RECEIVERS: usize = 20;
const NOTIFICATIONS: usize = 2_000;

/// The number that are sent at once.
const AT_ONCE: usize = 12;

/// A receiver answers so many of its requests with 500.
const FAILS: f64 = 0.05;

/// The most messages that the killed stack may have had in hand. A killed function had one.
const IN_HAND: u64 = 100;

/// The queue delivers a killed function's message once more after a minute, and the function may be killed again.
const PATIENCE: Duration = Duration::from_secs(600);

fn faults() -> Vec<Value> {
    let kill = json!({"kill": true});
    let by_chance = |on: &str, chance: f64, effect: &Value| json!({"on": on, "function": "Attempt", "times": 0, "chance": chance, "do": effect});
    vec![
        json!({"on": "invoke.Attempt", "times": 0, "chance": 0.03, "do": kill}),
        json!({"on": "respond.Attempt", "times": 0, "chance": 0.03, "do": kill}),
        // Between an attempt and what is noted of it, and between that and the next one's message.
        by_chance("dynamodb.UpdateItem", 0.004, &kill),
        by_chance("dynamodb.UpdateItem", 0.004, &json!({"kill": true, "after": true})),
        // The write succeeds, and its answer is lost.
        by_chance("dynamodb.UpdateItem", 0.01, &json!({"close": true, "after": true})),
        by_chance("sqs.SendMessage", 0.15, &kill),
        by_chance("dynamodb.GetItem", 0.01, &json!({"error": "ProvisionedThroughputExceededException"})),
        by_chance("dynamodb.UpdateItem", 0.02, &json!({"error": "TransactionConflictException"})),
        by_chance("dynamodb.PutItem", 0.02, &json!({"error": "ThrottlingException"})),
        json!({"on": "queue.EndpointsQueue", "times": 0, "chance": 0.1, "do": {"double": true}}),
    ]
}

fn channel(n: usize) -> String {
    format!("topic:r{n}")
}

/// The number of times that each fault has fired. A restart of the stack forgets it.
#[derive(Default)]
struct Fired(BTreeMap<String, u64>);

impl Fired {
    async fn count(&mut self, stack: &Stack) {
        for fault in stack.control(Method::GET, "faults", None).await.as_array().unwrap() {
            let name = format!("{} {}", fault["on"], fault["do"]);
            *self.0.entry(name).or_default() += fault["fired"].as_u64().unwrap();
        }
    }

    /// The number of attempts beyond one each that they may have caused. All of them fired: the rarest do some 12
    /// times.
    fn injected(&self) -> u64 {
        for (rule, times) in &self.0 {
            tell(&format!("FAULT {rule}: {times}"));
        }
        let never: Vec<&String> = self.0.iter().filter(|(_, times)| **times == 0).map(|(rule, _)| rule).collect();
        assert!(never.is_empty(), "never fired: {never:?}");
        self.0.values().sum()
    }
}

async fn send(stack: &Stack, numbers: impl Iterator<Item = usize>) {
    stream::iter(numbers)
        .for_each_concurrent(AT_ONCE, |n| async move {
            let to = channel(rand::rng().random_range(0..RECEIVERS));
            let answer = stack.post(&json!({"to": to, "data": n})).await;
            assert_eq!(answer.status, 202, "{answer:?}");
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_arrive_at_twenty_receivers_whatever_goes_wrong() {
    let room = room().await;
    let folder = Folder::new("tidings-endpoints");
    let mut stack = Stack::start_with(&[&LOOPBACK[..], &["--data", folder.path()]].concat()).await;
    let mut receivers = Vec::new();
    for n in 0..RECEIVERS {
        let receiver = Receiver::start().await;
        receiver.fails(FAILS);
        stack.add_webhook(&channel(n), &receiver.url).await;
        receivers.push(receiver);
    }
    for rule in faults() {
        stack.fault(rule).await;
    }
    send(&stack, 0..NOTIFICATIONS / 2).await;
    let mut fired = Fired::default();
    fired.count(&stack).await;
    stack.kill_and_restart();
    for rule in faults() {
        stack.fault(rule).await;
    }
    send(&stack, NOTIFICATIONS / 2..NOTIFICATIONS).await;
    drop(room);

    let mut logs = Vec::new();
    for n in 0..RECEIVERS {
        logs.push(stack.seqs(&channel(n)).await.into_iter().collect::<BTreeSet<u64>>());
    }
    assert_eq!(logs.iter().map(BTreeSet::len).sum::<usize>(), NOTIFICATIONS);
    let missing = || {
        let lacks = |(receiver, log): (&Receiver, &BTreeSet<u64>)| {
            let taken: BTreeSet<u64> = receiver.taken().iter().map(|one| one.seq()).collect();
            log.difference(&taken).count()
        };
        receivers.iter().zip(&logs).map(lacks).sum::<usize>()
    };
    let give_up = Instant::now() + PATIENCE;
    while missing() > 0 {
        assert!(Instant::now() < give_up, "{} never arrived", missing());
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The pause of five minutes is not waited for.
        stack.hasten(290).await;
    }
    fired.count(&stack).await;
    let extra = fired.injected() + IN_HAND;
    let attempts = receivers.iter().map(|receiver| receiver.received().len() as u64).sum::<u64>();
    let refused =
        receivers.iter().map(|receiver| (receiver.received().len() - receiver.taken().len()) as u64).sum::<u64>();
    tell(&format!(
        "ATTEMPTS {attempts} for {NOTIFICATIONS}; refused {refused}; caused by other faults, at most: {extra}"
    ));
    assert!(attempts <= NOTIFICATIONS as u64 + refused + extra, "{attempts} attempts");
}
