//! Faults on demand: rules that say which call is to go wrong, and how.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use serde_json::{Value, json};

/// What a rule may look at in a call.
#[derive(Debug, Default, Clone)]
pub(crate) struct Subject {
    /// The function that calls, or is called.
    pub(crate) function: Option<String>,
    /// The tables that the call touches.
    pub(crate) tables: Vec<String>,
    /// The WebSocket connection that it is about.
    pub(crate) connection: Option<String>,
}

/// What is to happen to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// What goes wrong.
    pub(crate) action: Action,
    /// Whether the call takes effect all the same, and only its answer suffers.
    pub(crate) after: bool,
}

/// A way to go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// It takes longer.
    Delay(Duration),
    /// It is answered with a status.
    Status(u16),
    /// It is answered with an error of this name.
    Error(String),
    /// The process that made the call is killed.
    Kill,
    /// The TCP connection is closed without an answer.
    Close,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    on: String,
    function: Option<String>,
    table: Option<String>,
    connection: Option<String>,
    #[serde(default)]
    skip: u64,
    #[serde(default = "once")]
    times: u64,
    r#do: Do,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Do {
    delay_ms: Option<u64>,
    status: Option<u16>,
    error: Option<String>,
    #[serde(default)]
    kill: bool,
    #[serde(default)]
    close: bool,
    #[serde(default)]
    after: bool,
}

fn once() -> u64 {
    1
}

impl Do {
    fn effect(&self) -> Result<Effect, String> {
        let actions = [
            self.delay_ms.map(|time| Action::Delay(Duration::from_millis(time))),
            self.status.map(Action::Status),
            self.error.clone().map(Action::Error),
            self.kill.then_some(Action::Kill),
            self.close.then_some(Action::Close),
        ];
        let mut actions = actions.into_iter().flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(Effect { action, after: self.after }),
            _ => Err("do: give exactly one of delay_ms, status, error, kill, close".to_owned()),
        }
    }
}

#[derive(Debug)]
struct Armed {
    id: u64,
    source: Value,
    rule: Rule,
    effect: Effect,
    skipped: u64,
    fired: u64,
}

impl Armed {
    fn matches(&self, on: &str, subject: &Subject) -> bool {
        let rule = &self.rule;
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        rule.on == on
            && same(&rule.function, &subject.function)
            && same(&rule.connection, &subject.connection)
            && rule.table.as_ref().is_none_or(|table| subject.tables.contains(table))
            && (rule.times == 0 || self.fired < rule.times)
    }
}

/// The rules that are armed.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<Armed>>);

impl Faults {
    /// Adds a rule, and gives it back with its id.
    pub(crate) fn add(&self, source: &Value) -> Result<Value, String> {
        let rule: Rule = serde_json::from_value(source.clone()).map_err(|error| error.to_string())?;
        let effect = rule.r#do.effect()?;
        let mut rules = self.lock();
        let id = rules.last().map_or(1, |last| last.id + 1);
        rules.push(Armed { id, source: source.clone(), rule, effect, skipped: 0, fired: 0 });
        Ok(rules.last().map(describe).unwrap_or_default())
    }

    /// Disarms every rule.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Every rule, with how often it fired.
    pub(crate) fn describe(&self) -> Value {
        self.lock().iter().map(describe).collect()
    }

    /// What is to happen to this call, if anything: the first rule that fits and need not skip it decides.
    pub(crate) fn take(&self, on: &str, subject: &Subject) -> Option<Effect> {
        for armed in self.lock().iter_mut().filter(|armed| armed.matches(on, subject)) {
            if armed.skipped < armed.rule.skip {
                armed.skipped += 1;
            } else {
                armed.fired += 1;
                return Some(armed.effect.clone());
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn describe(armed: &Armed) -> Value {
    let mut value = armed.source.clone();
    value["id"] = json!(armed.id);
    value["fired"] = json!(armed.fired);
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn armed(rules: &[Value]) -> Faults {
        let faults = Faults::default();
        for rule in rules {
            faults.add(rule).expect("a valid rule");
        }
        faults
    }

    fn of(function: &str) -> Subject {
        Subject { function: Some(function.to_owned()), tables: vec!["t".to_owned()], connection: None }
    }

    #[test]
    fn a_rule_fires_once_unless_told_otherwise() {
        let faults = armed(&[json!({"on": "dynamodb.PutItem", "do": {"status": 500}})]);
        let effect = Effect { action: Action::Status(500), after: false };
        assert_eq!(faults.take("dynamodb.GetItem", &of("F")), None);
        assert_eq!(faults.take("dynamodb.PutItem", &of("F")), Some(effect));
        assert_eq!(faults.take("dynamodb.PutItem", &of("F")), None);
        assert_eq!(faults.describe()[0]["fired"], 1);
    }

    #[test]
    fn a_rule_skips_first_and_may_last_until_cleared() {
        let faults = armed(&[json!({"on": "x", "skip": 1, "times": 0, "do": {"kill": true, "after": true}})]);
        assert_eq!(faults.take("x", &of("F")), None);
        for _ in 0..3 {
            assert_eq!(faults.take("x", &of("F")), Some(Effect { action: Action::Kill, after: true }));
        }
        faults.clear();
        assert_eq!(faults.take("x", &of("F")), None);
    }

    #[test]
    fn a_rule_may_name_function_table_and_connection() {
        let faults = armed(&[
            json!({"on": "x", "function": "G", "do": {"close": true}}),
            json!({"on": "x", "table": "other", "do": {"close": true}}),
            json!({"on": "x", "connection": "c", "do": {"close": true}}),
        ]);
        assert_eq!(faults.take("x", &of("F")), None);
        assert!(faults.take("x", &of("G")).is_some());
    }

    #[test]
    fn a_rule_does_exactly_one_thing() {
        let faults = Faults::default();
        assert!(faults.add(&json!({"on": "x", "do": {}})).is_err());
        assert!(faults.add(&json!({"on": "x", "do": {"kill": true, "close": true}})).is_err());
        assert!(faults.add(&json!({"on": "x", "do": {"explode": true}})).is_err());
    }
}
