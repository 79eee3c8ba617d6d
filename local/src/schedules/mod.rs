//! EventBridge: rules that fire on schedule, and the functions that they invoke.

mod alarm;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use self::alarm::Alarm;
use crate::{
    clock::Clock,
    cron::{Calendar, Expression},
    events::Asynchronous,
    faults::{Action, Faults, Subject},
    lambda::{FunctionError, Lambda},
    template::{ACCOUNT, REGION, Rule},
};

/// The longest wait before the clock is read again, in case the machine's own was set.
const GLANCE: Duration = Duration::from_secs(60);

/// Every rule of the stack.
#[derive(Debug)]
pub(crate) struct Schedules {
    rules: BTreeMap<String, Scheduled>,
    lambda: Arc<Lambda>,
    asynchronous: Arc<Asynchronous>,
    faults: Arc<Faults>,
    clock: Arc<Clock>,
}

/// A rule, with its state and counts.
#[derive(Debug)]
struct Scheduled {
    rule: Rule,
    enabled: AtomicBool,
    fired: AtomicU64,
    skipped: AtomicU64,
}

impl Scheduled {
    fn new(rule: Rule) -> Self {
        let enabled = AtomicBool::new(rule.enabled);
        Self { rule, enabled, fired: AtomicU64::new(0), skipped: AtomicU64::new(0) }
    }

    /// A firing's event for each target, by function.
    fn events(&self, time: Timestamp) -> Vec<(String, Value)> {
        self.fired.fetch_add(1, Ordering::SeqCst);
        let event = event(&self.rule.arn, time);
        let targets = self.rule.targets.iter();
        targets.map(|target| (target.function.clone(), target.input.clone().unwrap_or_else(|| event.clone()))).collect()
    }

    fn describe(&self, name: &str) -> Value {
        let enabled = self.enabled.load(Ordering::SeqCst);
        json!({
            "schedule": name,
            "expression": self.rule.expression_text,
            "state": if enabled { "ENABLED" } else { "DISABLED" },
            "fired": self.fired.load(Ordering::SeqCst),
            "skipped": self.skipped.load(Ordering::SeqCst),
        })
    }
}

impl Schedules {
    /// The template's rules. They wait for [`Schedules::start`].
    pub(crate) fn new(
        rules: Vec<Rule>,
        lambda: Arc<Lambda>,
        asynchronous: Arc<Asynchronous>,
        faults: Arc<Faults>,
        clock: Arc<Clock>,
    ) -> Self {
        let rules = rules.into_iter().map(|rule| (rule.name.clone(), Scheduled::new(rule))).collect();
        Self { rules, lambda, asynchronous, faults, clock }
    }

    /// Starts the time of every rule: a rate's first period begins now.
    pub(crate) fn start(self: &Arc<Self>) {
        for (name, scheduled) in &self.rules {
            let (this, name) = (Arc::clone(self), name.clone());
            match scheduled.rule.expression.clone() {
                Expression::Rate(period) => tokio::spawn(async move { this.keep_rate(&name, period).await }),
                Expression::Cron(calendar) => tokio::spawn(async move { this.keep_calendar(&name, calendar).await }),
            };
        }
    }

    async fn keep_rate(self: &Arc<Self>, name: &str, period: Duration) {
        let mut ticks = tokio::time::interval(period);
        // The first tick is immediate.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            self.due(name);
        }
    }

    async fn keep_calendar(self: &Arc<Self>, name: &str, calendar: Calendar) {
        let mut jumps = self.clock.jumps();
        let mut alarm = Alarm::new(calendar, self.clock.now());
        loop {
            let until = alarm.next().map(|next| next.duration_since(self.clock.now()));
            let wait = until.map_or(GLANCE, |until| until.try_into().unwrap_or_default());
            tokio::select! {
                () = tokio::time::sleep(wait.min(GLANCE)) => {}
                Ok(()) = jumps.changed() => {}
            }
            if alarm.look(self.clock.now()) {
                self.due(name);
            }
        }
    }

    /// Fires a rule when it is due. Nothing waits for the targets, not even the rule's next firing.
    fn due(self: &Arc<Self>, name: &str) {
        let Some(scheduled) = self.rules.get(name) else { return };
        if !scheduled.enabled.load(Ordering::SeqCst) {
            return;
        }
        let delay = match self.faults.take(&format!("schedule.{name}"), &Subject::default()).map(|effect| effect.action)
        {
            Some(Action::Skip) => {
                scheduled.skipped.fetch_add(1, Ordering::SeqCst);
                return;
            }
            Some(Action::Delay(delay)) => delay,
            _ => Duration::ZERO,
        };
        for (function, event) in scheduled.events(self.clock.now()) {
            let (asynchronous, rule) = (Arc::clone(&self.asynchronous), name.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                if let Err(error) = asynchronous.accept(&function, event) {
                    tracing::error!(%error, rule, "an event could not be kept, and is lost");
                }
            });
        }
    }

    /// Fires a rule now, whatever its time, and waits for its targets, without retries; `None` if there is no such rule.
    pub(crate) async fn fire(&self, name: &str) -> Option<Result<(), FunctionError>> {
        for (function, event) in self.rules.get(name)?.events(self.clock.now()) {
            if let Err(error) = self.lambda.invoke(&function, &event).await {
                return Some(Err(error));
            }
        }
        Some(Ok(()))
    }

    /// Switches a rule on or off; `false` if there is no such rule.
    pub(crate) fn switch(&self, name: &str, on: bool) -> bool {
        let scheduled = self.rules.get(name);
        scheduled.is_some_and(|scheduled| {
            scheduled.enabled.store(on, Ordering::SeqCst);
            true
        })
    }

    /// Every rule, for the control API.
    pub(crate) fn describe(&self) -> Value {
        self.rules.iter().map(|(name, scheduled)| scheduled.describe(name)).collect()
    }
}

/// The event that EventBridge sends when the rule with this ARN fires.
fn event(arn: &str, time: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": Uuid::now_v7(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [arn],
        "detail": {},
    })
}

#[cfg(test)]
mod tests;
