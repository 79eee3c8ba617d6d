//! Asynchronous events: Lambda keeps them, has functions work on them, retries failed ones, and sends those that it gives up to
//! the dead-letter queue.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use crate::{
    error::StartError,
    lambda::{FunctionError, Lambda},
    log,
    queues::{Letter, Queues},
    store::{Kept, Store},
    template::{Function, Retries},
};

/// The bytes of an error's message in a dead letter at most.
const ERROR_LIMIT: usize = 1024;

/// An event. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Event {
    number: u64,
    /// The id of the request, the same for each attempt.
    id: String,
    /// The function's logical name.
    function: String,
    payload: Value,
    accepted_ms: i64,
    failures: u32,
    /// The time of the next attempt, if the event waits for one.
    next_ms: Option<i64>,
}

impl Kept for Event {
    fn number(&self) -> u64 {
        self.number
    }
}

impl Event {
    fn age(&self) -> Duration {
        until(now(), self.accepted_ms)
    }
}

/// The events that are not finished.
#[derive(Debug)]
pub(crate) struct Asynchronous {
    lambda: Arc<Lambda>,
    queues: Arc<Queues>,
    state: Mutex<State>,
    /// The number of the last event that an earlier run left.
    kept: u64,
    /// Ends all waiting.
    hurry: watch::Sender<()>,
}

#[derive(Debug)]
struct State {
    events: BTreeMap<u64, Event>,
    last: u64,
    store: Store,
}

impl State {
    fn put(&mut self, event: Event) -> std::io::Result<()> {
        self.store.is(&event);
        self.store.commit(false)?;
        self.events.insert(event.number, event);
        Ok(())
    }

    fn remove(&mut self, number: u64) -> std::io::Result<()> {
        self.store.gone(number);
        self.events.remove(&number);
        self.store.commit(self.events.is_empty())
    }
}

impl Asynchronous {
    /// Opens the events, in `folder` or in memory. Events of an earlier run wait for [`Asynchronous::start`].
    pub(crate) fn open(folder: Option<&Path>, lambda: Arc<Lambda>, queues: Arc<Queues>) -> Result<Self, StartError> {
        let wanted = |event: &Event| lambda.declared(&event.function).is_some();
        let (store, events) = match folder {
            Some(folder) => Store::open(&folder.join("asynchronous.jsonl"), wanted)?,
            None => Default::default(),
        };
        let last = events.last().map_or(0, |event: &Event| event.number);
        let events = events.into_iter().map(|event| (event.number, event)).collect();
        let state = Mutex::new(State { events, last, store });
        Ok(Self { lambda, queues, state, kept: last, hurry: watch::Sender::new(()) })
    }

    /// Works on the events of an earlier run.
    pub(crate) fn start(self: &Arc<Self>) {
        let kept: Vec<Event> = self.lock().events.range(..=self.kept).map(|(_, event)| event.clone()).collect();
        for event in kept {
            tokio::spawn(Arc::clone(self).work(event, self.hurry.subscribe()));
        }
    }

    /// Accepts an event for a function. The event is kept once this returns; the task's result says whether the function has
    /// worked on it.
    pub(crate) fn accept(self: &Arc<Self>, function: &str, payload: Value) -> std::io::Result<JoinHandle<bool>> {
        let mut state = self.lock();
        state.last += 1;
        let event = Event {
            number: state.last,
            id: Uuid::now_v7().to_string(),
            function: function.to_owned(),
            payload,
            accepted_ms: now(),
            failures: 0,
            next_ms: None,
        };
        state.put(event.clone())?;
        Ok(tokio::spawn(Arc::clone(self).work(event, self.hurry.subscribe())))
    }

    async fn work(self: Arc<Self>, mut event: Event, mut hurry: watch::Receiver<()>) -> bool {
        loop {
            if let Some(next) = event.next_ms.take() {
                tokio::select! {
                    Ok(()) = hurry.changed() => {}
                    () = tokio::time::sleep(until(next, now())) => {}
                }
                self.note(self.lock().put(event.clone()));
            }
            let outcome = self.lambda.invoke_as(&event.id, &event.function, &event.payload).await;
            if outcome.is_err() && self.lambda.is_stopping() {
                return false;
            }
            let Err(error) = outcome else {
                self.note(self.lock().remove(event.number));
                return true;
            };
            event.failures += 1;
            let function = self.lambda.declared(&event.function);
            let retries = function.map_or_else(Retries::default, |function| function.retries);
            let Some(wait) = retries.next(event.failures, event.age()) else {
                self.give_up(&event, function, &error);
                return false;
            };
            event.next_ms = Some(now().saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)));
            // Before the event is seen to wait: a hurry from then on counts.
            hurry.mark_unchanged();
            self.note(self.lock().put(event.clone()));
        }
    }

    /// Starts the next attempt of every waiting event at once, and returns their number.
    pub(crate) fn hurry(&self) -> usize {
        let state = self.lock();
        self.hurry.send_replace(());
        state.events.values().filter(|event| event.next_ms.is_some()).count()
    }

    fn give_up(&self, event: &Event, function: Option<&Function>, error: &FunctionError) {
        log::line(&event.function, &format!("an asynchronous event is given up: {error}"));
        if let Some(function) = function
            && let Some(queue) = &function.dead_letters
        {
            self.note(self.queues.send(queue, &function.sender(), vec![dead_letter(event, error)]));
        }
        self.note(self.lock().remove(event.number));
    }

    /// Logs that a change could not be kept: no caller waits for it.
    fn note<T>(&self, kept: std::io::Result<T>) {
        if let Err(error) = kept {
            tracing::error!(%error, "a change of an asynchronous event could not be kept");
        }
    }

    /// Every unfinished event, for the control API.
    pub(crate) fn describe(&self) -> Value {
        let state = self.lock();
        let events = state.events.values().map(|event| {
            json!({
                "id": event.id,
                "function": event.function,
                "state": if event.next_ms.is_some() { "waiting" } else { "running" },
                "failures": event.failures,
            })
        });
        events.collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The dead letter that Lambda sends for an event that it gives up.
fn dead_letter(event: &Event, error: &FunctionError) -> Letter {
    let message = &error.message[..error.message.floor_char_boundary(ERROR_LIMIT)];
    let mut attributes = Map::new();
    // The code is the status of the invocation, which succeeded although the function failed.
    for (name, kind, value) in [
        ("RequestID", "String", event.id.as_str()),
        ("ErrorCode", "Number", "200"),
        ("ErrorMessage", "String", message),
    ] {
        // SQS takes no empty attributes.
        if !value.is_empty() {
            attributes.insert(name.to_owned(), json!({ "DataType": kind, "StringValue": value }));
        }
    }
    Letter { body: event.payload.to_string(), attributes, delay: None, group: None }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The time from one moment to a later one, else zero.
fn until(later: i64, earlier: i64) -> Duration {
    Duration::from_millis(u64::try_from(later.saturating_sub(earlier)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        faults::{Faults, Known},
        queues::{Message, Wish},
        template::Queue,
    };

    /// Events of a function that always fails, and whose dead letters go to the queue `dead`.
    fn failing(folder: Option<&Path>) -> Arc<Asynchronous> {
        let function = Function { dead_letters: Some("dead".to_owned()), ..Function::named("F", Vec::new()) };
        let functions = BTreeMap::from([("F".to_owned(), function)]);
        let executables = BTreeMap::from([("F".to_owned(), "/does/not/exist".into())]);
        let faults = Arc::new(Faults::new(Known::new(["F"], [])));
        let queues = Queues::open(None, vec![Queue::named("dead")], Arc::clone(&faults)).expect("queues");
        let lambda = Lambda::new(functions, executables, |_| 1, "", faults, Arc::default());
        Arc::new(Asynchronous::open(folder, Arc::new(lambda), Arc::new(queues)).expect("events"))
    }

    async fn dead(events: &Asynchronous) -> Vec<Message> {
        let wish = Wish { count: 10, weight: usize::MAX, visibility: None };
        events.queues.receive("dead", wish, Duration::ZERO).await.expect("an answer")
    }

    async fn seen(events: &Asynchronous, state: &str, failures: u64) {
        loop {
            let described = events.describe();
            if described[0]["state"] == state && described[0]["failures"] == failures {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn what_is_given_up_is_a_dead_letter_with_what_lambda_says_of_it() {
        let events = failing(None);
        let worked = events.accept("F", json!({"a": 1})).expect("it is kept");
        seen(&events, "waiting", 1).await;
        let id = events.describe()[0]["id"].clone();
        assert_eq!(events.hurry(), 1);
        seen(&events, "waiting", 2).await;
        assert!(dead(&events).await.is_empty());
        assert_eq!(events.hurry(), 1);
        assert!(!worked.await.expect("it ends"));
        let letter = dead(&events).await.remove(0);
        assert_eq!(letter.body, r#"{"a":1}"#);
        assert_eq!(letter.attributes["RequestID"], json!({"DataType": "String", "StringValue": id}));
        assert_eq!(letter.attributes["ErrorCode"], json!({"DataType": "Number", "StringValue": "200"}));
        assert!(letter.attributes["ErrorMessage"]["StringValue"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!((events.describe(), events.hurry()), (json!([]), 0));
    }

    #[test]
    fn only_so_much_of_an_error_goes_with_a_dead_letter() {
        let event = Event {
            number: 1,
            id: "id".to_owned(),
            function: "F".to_owned(),
            payload: json!({}),
            accepted_ms: 0,
            failures: 1,
            next_ms: None,
        };
        let told = |message: String| dead_letter(&event, &FunctionError::new("E", message)).attributes;
        let long = told(format!("x{}", "é".repeat(1000)));
        assert_eq!(long["ErrorMessage"]["StringValue"].as_str().map(str::len), Some(1023));
        assert!(!told(String::new()).contains_key("ErrorMessage"));
    }

    #[tokio::test]
    async fn an_event_outlives_the_stack_with_its_failures() {
        let folder = std::env::temp_dir().join(format!("events-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        let first = failing(Some(&folder));
        first.accept("F", json!({"a": 1})).expect("it is kept");
        seen(&first, "waiting", 1).await;
        let id = first.describe()[0]["id"].clone();
        let second = failing(Some(&folder));
        second.start();
        seen(&second, "waiting", 1).await;
        assert_eq!(second.describe()[0]["id"], id);
        second.hurry();
        seen(&second, "waiting", 2).await;
        assert_eq!(
            second.accept("F", json!({})).map(|_| second.describe()[1]["failures"].clone()).ok(),
            Some(json!(0))
        );
        std::fs::remove_dir_all(folder).expect("a folder of ours");
    }
}
