//! Everything goes wrong at once, at random, and nothing is lost, doubled, early or out of order.
//!
//! What is done follows from a seed (`TIDINGS_SEED`; when what happens is another matter), and there are 2,000 operations
//! (`TIDINGS_OPERATIONS`). A run that fails is tried again with fewer of them, `PROPTEST_MAX_SHRINK_ITERS` times (0).

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use serde_json::{Value, json};

use super::trial::Trial;

/// The users that are sent to.
pub(super) const USERS: usize = 12;

/// Something that a publisher does.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Sends now.
    Send { to: Vec<usize> },
    /// Schedules for so many milliseconds from then.
    Schedule { to: Vec<usize>, delay: u64 },
    /// Schedules, and cancels after so many milliseconds.
    Cancel { to: Vec<usize>, delay: u64, after: u64 },
    /// Begins a series of one notification a minute.
    Repeat { to: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    let users = prop::collection::btree_set(0..USERS, 1..3).prop_map(|to| to.into_iter().collect::<Vec<_>>());
    prop_oneof![
        40 => users.clone().prop_map(|to| Operation::Send { to }),
        45 => (users.clone(), 1..60_000u64).prop_map(|(to, delay)| Operation::Schedule { to, delay }),
        // Some long before their time, some just then.
        14 => (users, 500..8_000u64, 0..2u64)
            .prop_map(|(to, delay, late)| Operation::Cancel { to, delay, after: delay * late }),
        1 => (0..USERS).prop_map(|to| Operation::Repeat { to }),
    ]
}

/// The faults, each of which must have fired in the end.
pub(super) fn faults() -> Vec<Value> {
    let kill = json!({"kill": true});
    let kill_after = json!({"kill": true, "after": true});
    let throttle = json!({"error": "ThrottlingException"});
    let by_chance = |on: &str, function: Option<&str>, chance: f64, effect: &Value| {
        let mut rule = json!({"on": on, "times": 0, "chance": chance, "do": effect});
        if let Some(function) = function {
            rule["function"] = json!(function);
        }
        rule
    };
    vec![
        by_chance("invoke.Send", None, 0.01, &kill),
        by_chance("respond.Send", None, 0.01, &kill),
        by_chance("invoke.Deliver", None, 0.02, &kill),
        // Between the commit and the first push, and between pushes and `done`.
        by_chance("dynamodb.TransactWriteItems", Some("Deliver"), 0.008, &kill_after),
        by_chance("management.POST", Some("Deliver"), 0.006, &kill),
        by_chance("respond.Deliver", None, 0.02, &kill),
        by_chance("dynamodb.TransactWriteItems", Some("Send"), 0.01, &kill_after),
        by_chance("sqs.SendMessage", Some("Send"), 0.02, &kill),
        by_chance("dynamodb.Query", None, 0.01, &throttle),
        by_chance("dynamodb.TransactWriteItems", None, 0.02, &throttle),
        by_chance("dynamodb.GetItem", None, 0.01, &json!({"error": "ProvisionedThroughputExceededException"})),
        by_chance("dynamodb.TransactWriteItems", None, 0.05, &json!({"error": "TransactionCanceledException"})),
        by_chance("dynamodb.UpdateItem", None, 0.03, &json!({"error": "TransactionConflictException"})),
        by_chance("dynamodb.UpdateItem", Some("Deliver"), 0.01, &json!({"close": true, "after": true})),
        by_chance("queue.DueQueue", None, 0.1, &json!({"double": true})),
        json!({"on": "schedule.SweepRule", "do": {"skip": true}}),
    ]
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Everything that the test needs is in the plan and the faults; the rest is in [`Trial`].
#[test]
fn two_thousand_operations_under_every_fault_lose_double_and_hurry_nothing() {
    let seed = setting("TIDINGS_SEED").unwrap_or_else(rand::random);
    let operations = usize::try_from(setting("TIDINGS_OPERATIONS").unwrap_or(2_000)).unwrap();
    let shrinks = setting("PROPTEST_MAX_SHRINK_ITERS").and_then(|times| u32::try_from(times).ok()).unwrap_or(0);
    let config = Config {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        max_shrink_iters: shrinks,
        failure_persistence: None,
        ..Config::default()
    };
    super::tell(&format!("SEED {seed} of schedule::faults, {operations} operations"));
    let plan = prop::collection::vec(operation(), operations);
    let result = TestRunner::new(config).run(&plan, |plan| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let tried = runtime.block_on(Trial::run(&plan));
        runtime.shutdown_timeout(Duration::from_secs(5));
        tried.map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, plan)) if plan.len() < 50 => panic!("TIDINGS_SEED={seed}: {reason}\n{plan:#?}"),
        Err(TestError::Fail(reason, _)) => panic!("TIDINGS_SEED={seed}: {reason}"),
        Err(error) => panic!("TIDINGS_SEED={seed}: {error}"),
    }
}
