use std::collections::BTreeMap;

use super::*;
use crate::{faults::Known, queues::Queues, template::Target};

/// A rule each second whose target, a function that is not there, fails.
fn schedules(fault: Option<Value>) -> Arc<Schedules> {
    let faults = Faults::new(Known::default().with_schedules(["Tick"]));
    if let Some(fault) = fault {
        faults.add(&fault).expect("a valid rule");
    }
    let (faults, clock) = (Arc::new(faults), Arc::new(Clock::default()));
    let lambda = Lambda::new(BTreeMap::new(), BTreeMap::new(), |_| 1, "", Arc::clone(&faults), Arc::clone(&clock));
    let (lambda, queues) = (Arc::new(lambda), Queues::open(None, Vec::new(), Arc::clone(&faults)).expect("queues"));
    let asynchronous = Asynchronous::open(None, Arc::clone(&lambda), Arc::new(queues)).expect("events");
    let rule = Rule {
        name: "Tick".to_owned(),
        arn: "arn:tick".to_owned(),
        expression_text: "rate(1 minute)".to_owned(),
        expression: Expression::Rate(Duration::from_secs(60)),
        enabled: true,
        targets: vec![Target { function: "Gone".to_owned(), input: None }],
    };
    Arc::new(Schedules::new(vec![rule], lambda, Arc::new(asynchronous), faults, clock))
}

async fn counts_after(schedules: &Arc<Schedules>, seconds: u64) -> (u64, u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let described = schedules.describe();
    let count = |field: &str| described[0][field].as_u64().unwrap_or_default();
    (count("fired"), count("skipped"))
}

#[tokio::test(start_paused = true)]
async fn a_rate_fires_after_each_whole_period() {
    let schedules = schedules(None);
    schedules.start();
    assert_eq!(counts_after(&schedules, 59).await, (0, 0));
    assert_eq!(counts_after(&schedules, 2).await, (1, 0));
    assert_eq!(counts_after(&schedules, 60).await, (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_firing_may_be_skipped_and_a_rule_switched_off() {
    let schedules = schedules(Some(json!({"on": "schedule.Tick", "do": {"skip": true}})));
    schedules.start();
    assert_eq!(counts_after(&schedules, 61).await, (0, 1));
    assert!(schedules.switch("Tick", false) && !schedules.switch("Tock", false));
    assert_eq!(counts_after(&schedules, 120).await, (0, 1));
    assert!(schedules.switch("Tick", true));
    assert_eq!(counts_after(&schedules, 60).await, (1, 1));
}

#[tokio::test]
async fn who_fires_a_rule_hears_what_became_of_it() {
    let schedules = schedules(None);
    assert!(schedules.fire("Tock").await.is_none());
    let error = schedules.fire("Tick").await.expect("the rule").expect_err("there is no function");
    assert_eq!(error.kind, "ResourceNotFoundException");
    assert_eq!(counts_after(&schedules, 0).await, (1, 0));
}

#[test]
fn an_event_looks_like_eventbridges() {
    let time = "2026-10-25T00:59:59.9Z".parse().expect("a time");
    let mut event = event("arn:tick", time);
    assert_eq!(event["id"].take().as_str().map(str::len), Some(36));
    let expected = json!({
        "version": "0", "id": null, "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "123456789012", "time": "2026-10-25T00:59:59Z", "region": "us-east-1",
        "resources": ["arn:tick"], "detail": {},
    });
    assert_eq!(event, expected);
}
