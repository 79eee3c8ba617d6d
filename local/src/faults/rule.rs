//! A fault rule, and the check that it can fire.

use std::{collections::BTreeSet, num::NonZeroU32, time::Duration};

use serde::Deserialize;

/// The effect of a rule on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The fault.
    pub(crate) action: Action,
    /// Whether the call takes effect all the same, and only its answer fails.
    pub(crate) after: bool,
}

/// A fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// The call takes this much longer.
    Delay(Duration),
    /// The answer is this status.
    Status(u16),
    /// The answer is an error of this name.
    Error(String),
    /// The process that made the call is killed.
    Kill,
    /// The TCP connection is closed without an answer.
    Close,
    /// A queue hands a message out twice, the second time a moment later; a topic delivers a message twice.
    Double,
    /// A firing of a schedule is left out.
    Skip,
    /// Writes beyond this many units a second are throttled.
    Limit(u32),
}

/// The subject of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A call of an AWS service.
    Call,
    /// An invocation, before or after it.
    Invocation,
    /// A message that a queue hands out.
    Queue,
    /// A message that is published to a topic.
    Topic,
    /// A schedule's firing.
    Schedule,
    /// The writes of a table, in all or at each partition key.
    Writes,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "invoke" | "respond" => Self::Invocation,
            "queue" => Self::Queue,
            "topic" => Self::Topic,
            "schedule" => Self::Schedule,
            "table" | "partition" => Self::Writes,
            _ => Self::Call,
        }
    }

    fn may(self, action: &Action) -> bool {
        match self {
            Self::Call | Self::Invocation => !matches!(action, Action::Double | Action::Skip | Action::Limit(_)),
            Self::Queue => *action == Action::Double,
            Self::Topic => matches!(action, Action::Double | Action::Error(_)),
            Self::Schedule => matches!(action, Action::Skip | Action::Delay(_)),
            Self::Writes => matches!(action, Action::Limit(_)),
        }
    }
}

/// A rule as it is posted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) on: String,
    pub(super) function: Option<String>,
    pub(super) table: Option<String>,
    pub(super) connection: Option<String>,
    pub(super) mentions: Option<String>,
    #[serde(default)]
    pub(super) skip: u64,
    times: Option<u64>,
    pub(super) chance: Option<f64>,
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
    double: bool,
    #[serde(default)]
    skip: bool,
    write_units: Option<NonZeroU32>,
    #[serde(default)]
    after: bool,
}

impl Do {
    fn effect(&self) -> Result<Effect, String> {
        let actions = [
            self.delay_ms.map(|time| Action::Delay(Duration::from_millis(time))),
            self.status.map(Action::Status),
            self.error.clone().map(Action::Error),
            self.kill.then_some(Action::Kill),
            self.close.then_some(Action::Close),
            self.double.then_some(Action::Double),
            self.skip.then_some(Action::Skip),
            self.write_units.map(|units| Action::Limit(units.get())),
        ];
        let mut actions = actions.into_iter().flatten();
        match (actions.next(), actions.next()) {
            (Some(action), None) => Ok(Effect { action, after: self.after }),
            _ => {
                Err("do: give exactly one of delay_ms, status, error, kill, close, double, skip, write_units"
                    .to_owned())
            }
        }
    }
}

impl Rule {
    /// The number of its firings, or `None` until it is disarmed.
    pub(super) fn times(&self) -> Option<u64> {
        Some(self.times.unwrap_or(1)).filter(|times| *times > 0)
    }

    /// Whether it limits a table as a whole, rather than each of its partition keys.
    pub(super) fn is_about_a_table(&self) -> bool {
        self.on.starts_with("table.")
    }

    /// Whether the table that it limits has one of these names.
    pub(super) fn limits(&self, names: &[String]) -> bool {
        self.on.split_once('.').is_some_and(|(_, table)| names.iter().any(|name| name == table))
    }

    /// The effect of the rule; an error if the rule could never fire.
    pub(super) fn effect(&self, known: &Known) -> Result<Effect, String> {
        let (service, name) = self.on.split_once('.').ok_or_else(|| format!("on: {:?} has no dot", self.on))?;
        let kind = Kind::of(service);
        match kind {
            Kind::Invocation => known.function("on", name)?,
            Kind::Queue => known.queue(name)?,
            Kind::Topic => known.topic(name)?,
            Kind::Schedule => known.schedule(name)?,
            Kind::Writes => known.table("on", name)?,
            Kind::Call if known.calls.contains(&self.on) => {}
            Kind::Call => return Err(format!("on: no call is known as {}", self.on)),
        }
        self.check_fields(kind, service, name, known)?;
        let effect = self.r#do.effect()?;
        if !kind.may(&effect.action) {
            return Err(format!("do: this cannot happen to {}", self.on));
        }
        if effect.after && kind == Kind::Invocation {
            return Err(format!("do: {} has no `after`; respond.{name} is after the invocation", self.on));
        }
        if effect.after && kind != Kind::Call {
            return Err(format!("do: {} has no `after`", self.on));
        }
        Ok(effect)
    }

    fn check_fields(&self, kind: Kind, service: &str, name: &str, known: &Known) -> Result<(), String> {
        if let Some(function) = &self.function {
            known.function("function", function)?;
            if kind != Kind::Call && function != name {
                return Err(format!("function: {} is never about {function}", self.on));
            }
        }
        if let Some(table) = &self.table {
            known.table("table", table)?;
        }
        if self.table.is_some() && service != "dynamodb" {
            return Err(format!("table: only faults on `dynamodb.` take it, and {} is another one", self.on));
        }
        if self.mentions.is_some() && !["dynamodb", "partition"].contains(&service) {
            return Err(format!(
                "mentions: only faults on `dynamodb.` and `partition.` take it, and {} is another one",
                self.on
            ));
        }
        if self.connection.is_some() && service != "management" {
            return Err(format!("connection: only faults on `management.` take it, and {} is another one", self.on));
        }
        if kind == Kind::Writes && (self.skip > 0 || self.times.is_some() || self.chance.is_some()) {
            return Err(format!("skip, times, chance: {} counts for every write, until it is disarmed", self.on));
        }
        if self.chance.is_some_and(|chance| chance <= 0.0 || chance > 1.0) {
            return Err("chance: a share of the calls, above 0 and at most 1".to_owned());
        }
        Ok(())
    }
}

/// The names in the stack that a rule may use.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Such as `dynamodb.PutItem`.
    calls: BTreeSet<String>,
    functions: BTreeSet<String>,
    tables: BTreeSet<String>,
    queues: BTreeSet<String>,
    topics: BTreeSet<String>,
    schedules: BTreeSet<String>,
}

impl Known {
    /// These functions, by logical name, and tables, by either of their names.
    pub(crate) fn new<T: Into<String>>(
        functions: impl IntoIterator<Item = T>,
        tables: impl IntoIterator<Item = T>,
    ) -> Self {
        let set = |name: T| name.into();
        let (functions, tables) = (functions.into_iter().map(set).collect(), tables.into_iter().map(set).collect());
        Self { functions, tables, ..Self::default() }
    }

    /// These operations of a service too.
    pub(crate) fn with_calls(mut self, service: &str, operations: &[&str]) -> Self {
        self.calls.extend(operations.iter().map(|operation| format!("{service}.{operation}")));
        self
    }

    /// These queues too, by logical name.
    pub(crate) fn with_queues<T: Into<String>>(mut self, queues: impl IntoIterator<Item = T>) -> Self {
        self.queues.extend(queues.into_iter().map(Into::into));
        self
    }

    /// These topics too, by logical name.
    pub(crate) fn with_topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// These rules with a schedule too, by logical name.
    pub(crate) fn with_schedules<T: Into<String>>(mut self, schedules: impl IntoIterator<Item = T>) -> Self {
        self.schedules.extend(schedules.into_iter().map(Into::into));
        self
    }

    fn function(&self, field: &str, name: &str) -> Result<(), String> {
        if self.functions.contains(name) { Ok(()) } else { Err(format!("{field}: there is no function {name}")) }
    }

    fn table(&self, field: &str, name: &str) -> Result<(), String> {
        if self.tables.contains(name) { Ok(()) } else { Err(format!("{field}: there is no table {name}")) }
    }

    fn queue(&self, name: &str) -> Result<(), String> {
        if self.queues.contains(name) { Ok(()) } else { Err(format!("on: there is no queue {name}")) }
    }

    fn topic(&self, name: &str) -> Result<(), String> {
        if self.topics.contains(name) { Ok(()) } else { Err(format!("on: there is no topic {name}")) }
    }

    fn schedule(&self, name: &str) -> Result<(), String> {
        if self.schedules.contains(name) { Ok(()) } else { Err(format!("on: there is no schedule {name}")) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn effect(rule: Value) -> Result<Effect, String> {
        let rule: Rule = serde_json::from_value(rule).map_err(|error| error.to_string())?;
        let known = Known::new(["F", "G"], ["t"]).with_queues(["Q"]).with_topics(["T"]).with_schedules(["S"]);
        let services = [
            ("dynamodb", &["PutItem"][..]),
            ("secretsmanager", &["GetSecretValue"]),
            ("ses", &["SendEmail"]),
            ("sns", &["Publish", "PublishBatch"]),
            ("management", &["POST", "GET", "DELETE"]),
        ];
        rule.effect(&services.into_iter().fold(known, |known, (service, calls)| known.with_calls(service, calls)))
    }

    #[test]
    fn a_rule_does_exactly_one_thing() {
        for wrong in [json!({}), json!({"kill": true, "close": true}), json!({"explode": true})] {
            effect(json!({"on": "dynamodb.PutItem", "do": wrong})).expect_err("it does not do one thing");
        }
    }

    #[test]
    fn what_can_never_happen_is_refused() {
        let kill = json!({"kill": true});
        for wrong in [
            json!({"on": "x", "do": kill}),
            json!({"on": "dynamodb.PutItme", "do": kill}),
            json!({"on": "sns.CreateTopic", "do": kill}),
            json!({"on": "ses.CreateEmailIdentity", "do": kill}),
            json!({"on": "management.PUT", "do": kill}),
            json!({"on": "invoke.H", "do": kill}),
            json!({"on": "invoke.F", "function": "G", "do": kill}),
            json!({"on": "invoke.F", "do": {"kill": true, "after": true}}),
            json!({"on": "respond.F", "do": {"delay_ms": 1, "after": true}}),
            json!({"on": "dynamodb.PutItem", "function": "H", "do": kill}),
            json!({"on": "dynamodb.PutItem", "table": "u", "do": kill}),
            json!({"on": "dynamodb.PutItem", "connection": "c", "do": kill}),
            json!({"on": "management.POST", "table": "t", "do": kill}),
            json!({"on": "management.POST", "mentions": "topic:a", "do": kill}),
            json!({"on": "queue.S", "do": {"double": true}}),
            json!({"on": "queue.Q", "do": {"delay_ms": 1}}),
            json!({"on": "queue.Q", "function": "F", "do": {"double": true}}),
            json!({"on": "queue.Q", "do": {"double": true, "after": true}}),
            json!({"on": "topic.Q", "do": {"double": true}}),
            json!({"on": "topic.T", "do": kill}),
            json!({"on": "topic.T", "do": {"double": true, "after": true}}),
            json!({"on": "schedule.Q", "do": {"skip": true}}),
            json!({"on": "schedule.S", "do": kill}),
            json!({"on": "schedule.S", "do": {"double": true}}),
            json!({"on": "dynamodb.PutItem", "do": {"double": true}}),
            json!({"on": "invoke.F", "do": {"skip": true}}),
            json!({"on": "partition.u", "do": {"write_units": 1}}),
            json!({"on": "partition.t", "do": kill}),
            json!({"on": "partition.t", "do": {"write_units": 0}}),
            json!({"on": "partition.t", "do": {"write_units": 1, "after": true}}),
            json!({"on": "partition.t", "times": 2, "do": {"write_units": 1}}),
            json!({"on": "partition.t", "function": "F", "do": {"write_units": 1}}),
            json!({"on": "table.t", "mentions": "topic:a", "do": {"write_units": 1}}),
            json!({"on": "dynamodb.PutItem", "do": {"write_units": 1}}),
            json!({"on": "invoke.F", "chance": 0, "do": kill}),
            json!({"on": "invoke.F", "chance": 1.5, "do": kill}),
        ] {
            assert!(effect(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_can_happen_is_armed() {
        let after = json!({"kill": true, "after": true});
        for right in [
            json!({"on": "dynamodb.PutItem", "function": "F", "table": "t", "do": after}),
            json!({"on": "secretsmanager.GetSecretValue", "do": after}),
            json!({"on": "management.POST", "connection": "c", "do": after}),
            json!({"on": "invoke.F", "function": "F", "do": {"kill": true}}),
            json!({"on": "invoke.F", "chance": 1, "do": {"kill": true}}),
            json!({"on": "queue.Q", "do": {"double": true}}),
            json!({"on": "sns.PublishBatch", "function": "F", "do": after}),
            json!({"on": "sns.Publish", "do": {"error": "EndpointDisabled"}}),
            json!({"on": "ses.SendEmail", "do": {"error": "MessageRejected"}}),
            json!({"on": "topic.T", "do": {"double": true}}),
            json!({"on": "topic.T", "do": {"error": "InternalError"}}),
            json!({"on": "partition.t", "mentions": "topic:a", "do": {"write_units": 1000}}),
            json!({"on": "table.t", "do": {"write_units": 4000}}),
            json!({"on": "schedule.S", "do": {"skip": true}}),
            json!({"on": "schedule.S", "chance": 0.5, "do": {"delay_ms": 1}}),
        ] {
            assert!(effect(right.clone()).is_ok(), "{right}");
        }
    }
}
