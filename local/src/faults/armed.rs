//! Faults on demand: rules that make calls fail.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    limit::{Limit, Write},
    rule::{Action, Effect, Known, Rule},
};

/// The properties of a call that a rule can match.
#[derive(Debug, Default, Clone)]
pub(crate) struct Subject {
    /// The function that calls, or is called.
    pub(crate) function: Option<String>,
    /// The tables that the call touches.
    pub(crate) tables: Vec<String>,
    /// The WebSocket connection that it is about.
    pub(crate) connection: Option<String>,
    /// The texts among the keys and values of a call of DynamoDB.
    pub(crate) texts: Vec<String>,
}

#[derive(Debug)]
struct Armed {
    id: u64,
    source: Value,
    rule: Rule,
    effect: Effect,
    skipped: u64,
    fired: u64,
    /// The rest of a limit's units, if the rule is a limit.
    limit: Option<Limit>,
}

impl Armed {
    fn new(id: u64, source: &Value, rule: Rule, effect: Effect) -> Self {
        let limit = match effect.action {
            Action::Limit(rate) => Some(Limit::new(rate, rule.is_about_a_table())),
            _ => None,
        };
        Self { id, source: source.clone(), rule, effect, skipped: 0, fired: 0, limit }
    }

    /// The limit, if the rule is a limit that counts this write.
    fn limit_of(&mut self, write: &Write) -> Option<&mut Limit> {
        let is_meant = self.rule.mentions.as_ref().is_none_or(|key| *key == write.key);
        self.limit.as_mut().filter(|_| is_meant && self.rule.limits(&write.table))
    }

    /// Whether it is a limit that is reached. The rule has then fired.
    fn holds_back(&mut self, write: &Write, now: Instant) -> bool {
        let is_reached = self.limit_of(write).is_some_and(|limit| !limit.allows(write, now));
        self.fired += u64::from(is_reached);
        is_reached
    }

    fn matches(&self, on: &str, subject: &Subject) -> bool {
        let rule = &self.rule;
        let same = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
        rule.on == on
            && same(&rule.function, &subject.function)
            && same(&rule.connection, &subject.connection)
            && rule.table.as_ref().is_none_or(|table| subject.tables.contains(table))
            && rule.mentions.as_ref().is_none_or(|text| subject.texts.contains(text))
            && rule.times().is_none_or(|times| self.fired < times)
    }
}

/// The rules that are armed.
#[derive(Debug)]
pub(crate) struct Faults {
    known: Known,
    rules: Mutex<Vec<Armed>>,
    /// Decides for rules that fire by chance.
    random: Mutex<StdRng>,
}

impl Faults {
    /// A set without rules. Rules may name only what is `known`.
    pub(crate) fn new(known: Known) -> Self {
        Self { known, rules: Mutex::default(), random: Mutex::new(rand::make_rng()) }
    }

    /// Makes chance repeatable: the same calls in the same order have the same faults.
    pub(crate) fn seeded(self, seed: u64) -> Self {
        Self { random: Mutex::new(StdRng::seed_from_u64(seed)), ..self }
    }

    /// Adds a rule, and returns it with its id.
    pub(crate) fn add(&self, source: &Value) -> Result<Value, String> {
        let rule: Rule = serde_json::from_value(source.clone()).map_err(|error| error.to_string())?;
        let effect = rule.effect(&self.known)?;
        let mut rules = self.lock();
        let id = rules.last().map_or(1, |last| last.id + 1);
        rules.push(Armed::new(id, source, rule, effect));
        Ok(rules.last().map(describe).unwrap_or_default())
    }

    /// Disarms every rule.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// Every rule, with the number of its firings.
    pub(crate) fn describe(&self) -> Value {
        self.lock().iter().map(describe).collect()
    }

    /// The effect on this call, if any: that of the first rule that matches, has nothing left to skip and happens by chance.
    pub(crate) fn take(&self, on: &str, subject: &Subject) -> Option<Effect> {
        for armed in self.lock().iter_mut().filter(|armed| armed.matches(on, subject)) {
            if armed.skipped < armed.rule.skip {
                armed.skipped += 1;
            } else if armed.rule.chance.is_none_or(|chance| self.happens(chance)) {
                armed.fired += 1;
                return Some(armed.effect.clone());
            }
        }
        None
    }

    /// Whether any rule limits writes.
    pub(crate) fn has_limits(&self) -> bool {
        self.lock().iter().any(|armed| armed.limit.is_some())
    }

    /// Whether each of these writes is within every limit that counts it now; those that are take their units. Writes of one
    /// transaction are admitted together, or none of them takes any.
    pub(crate) fn admit(&self, writes: &[Write], together: bool, now: Instant) -> Vec<bool> {
        let mut rules = self.lock();
        let admitted: Vec<bool> = writes.iter().map(|write| admit(&mut rules, write, now)).collect();
        if together && admitted.contains(&false) {
            for (write, _) in writes.iter().zip(&admitted).filter(|(_, admitted)| **admitted) {
                take(&mut rules, write, -write.units, now);
            }
        }
        admitted
    }

    /// Takes units that were not known yet when the write was admitted.
    pub(crate) fn charge(&self, write: &Write, units: f64, now: Instant) {
        take(&mut self.lock(), write, units, now);
    }

    fn happens(&self, chance: f64) -> bool {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random_bool(chance)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Admits a write, unless one of the limits is reached.
fn admit(rules: &mut [Armed], write: &Write, now: Instant) -> bool {
    if rules.iter_mut().any(|armed| armed.holds_back(write, now)) {
        return false;
    }
    take(rules, write, write.units, now);
    true
}

fn take(rules: &mut [Armed], write: &Write, units: f64, now: Instant) {
    for limit in rules.iter_mut().filter_map(|armed| armed.limit_of(write)) {
        limit.take(write, units, now);
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
    use crate::faults::Action;

    fn known<const F: usize, const T: usize>(functions: [&str; F], tables: [&str; T]) -> Known {
        let known = Known::new(functions, tables).with_calls("dynamodb", &["GetItem", "PutItem", "Query"]);
        known.with_calls("management", &["POST"])
    }

    fn armed(rules: &[Value]) -> Faults {
        let faults = Faults::new(known(["F", "G"], ["t", "other"]));
        for rule in rules {
            faults.add(rule).expect("a valid rule");
        }
        faults
    }

    fn of(function: &str) -> Subject {
        Subject { function: Some(function.to_owned()), tables: vec!["t".to_owned()], ..Subject::default() }
    }

    #[test]
    fn a_rule_fires_once_by_default() {
        let faults = armed(&[json!({"on": "dynamodb.PutItem", "do": {"status": 500}})]);
        let effect = Effect { action: Action::Status(500), after: false };
        assert_eq!(faults.take("dynamodb.GetItem", &of("F")), None);
        assert_eq!(faults.take("dynamodb.PutItem", &of("F")), Some(effect));
        assert_eq!(faults.take("dynamodb.PutItem", &of("F")), None);
        assert_eq!(faults.describe()[0]["fired"], 1);
    }

    #[test]
    fn a_rule_skips_first_and_may_last_until_cleared() {
        let faults =
            armed(&[json!({"on": "management.POST", "skip": 1, "times": 0, "do": {"kill": true, "after": true}})]);
        assert_eq!(faults.take("management.POST", &of("F")), None);
        for _ in 0..3 {
            assert_eq!(faults.take("management.POST", &of("F")), Some(Effect { action: Action::Kill, after: true }));
        }
        faults.clear();
        assert_eq!(faults.take("management.POST", &of("F")), None);
    }

    #[test]
    fn a_rule_may_name_function_table_text_and_connection() {
        let faults = armed(&[
            json!({"on": "management.POST", "function": "G", "do": {"close": true}}),
            json!({"on": "dynamodb.PutItem", "table": "other", "do": {"close": true}}),
            json!({"on": "management.POST", "connection": "c", "do": {"close": true}}),
            json!({"on": "dynamodb.Query", "mentions": "topic:a", "do": {"close": true}}),
        ]);
        assert_eq!(faults.take("management.POST", &of("F")), None);
        assert_eq!(faults.take("dynamodb.PutItem", &of("F")), None);
        assert!(faults.take("management.POST", &of("G")).is_some());
        assert_eq!(faults.take("dynamodb.Query", &of("F")), None);
        let about = Subject { texts: vec!["topic:a".to_owned()], ..of("F") };
        assert!(faults.take("dynamodb.Query", &about).is_some());
    }

    #[test]
    fn a_write_needs_the_units_of_each_limit_and_a_transaction_takes_all_or_none() {
        let faults = armed(&[
            json!({"on": "partition.t", "do": {"write_units": 10}}),
            json!({"on": "partition.t", "mentions": "hot", "do": {"write_units": 4}}),
            json!({"on": "table.t", "do": {"write_units": 12}}),
        ]);
        let now = Instant::now();
        let write = |key: &str, units: f64| {
            let table = ["T".to_owned(), "t".to_owned()];
            Write { table, key: key.to_owned(), units }
        };
        let elsewhere = Write { table: ["U".to_owned(), "u".to_owned()], ..write("hot", 99.0) };
        assert_eq!(faults.admit(&[elsewhere], false, now), [true]);
        let (hot, other) = (write("hot", 2.0), write("other", 2.0));
        assert_eq!(faults.admit(&[hot.clone(), hot.clone(), hot.clone()], false, now), [true, true, false]);
        for _ in 0..3 {
            assert_eq!(faults.admit(&[other.clone(), hot.clone()], true, now), [true, false], "it takes no units");
        }
        let four = vec![other.clone(); 4];
        assert_eq!(faults.admit(&four, true, now), [true; 4]);
        assert_eq!(faults.admit(&[other], true, now), [false], "the table has no more, though its key has");
        let fired: Vec<u64> = [0, 1, 2].map(|n| faults.describe()[n]["fired"].as_u64().unwrap_or_default()).into();
        assert_eq!(fired, [0, 4, 1]);
    }

    #[test]
    fn a_rule_may_fire_by_chance_and_does_so_alike_for_the_same_seed() {
        let course = |seed: u64| -> Vec<bool> {
            let faults = Faults::new(Known::new(["F"], [])).seeded(seed);
            let rule = json!({"on": "invoke.F", "chance": 0.25, "times": 0, "do": {"kill": true}});
            faults.add(&rule).expect("a valid rule");
            (0..1000).map(|_| faults.take("invoke.F", &of("F")).is_some()).collect()
        };
        assert_eq!(course(1), course(1));
        assert_ne!(course(1), course(2));
        let fired = course(1).into_iter().filter(|fired| *fired).count();
        assert!((200..300).contains(&fired), "{fired}");
    }
}
