//! What was called: every AWS call since the last reset, and how many TCP connections functions opened for them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::iam::Right;

/// So many calls are kept; a stack that runs for days would else fill the memory.
const KEPT: usize = 100_000;

/// One AWS call.
#[derive(Debug, Default, Clone, Serialize)]
pub(crate) struct Entry {
    /// `dynamodb`, `secretsmanager`, `ses`, `sns`, `sqs` or `management`.
    pub(crate) service: &'static str,
    /// Such as `PutItem`, or an HTTP method.
    pub(crate) operation: String,
    /// The logical name of the calling function.
    pub(crate) function: Option<String>,
    /// The calling process' access key.
    pub(crate) process: Option<String>,
    /// The status it was answered with; `null` if it got no answer.
    pub(crate) status: Option<u16>,
    /// The error it was answered with.
    pub(crate) error: Option<String>,
    /// Read units, as the engine counts them.
    pub(crate) read_units: f64,
    /// Write units, as the engine counts them.
    pub(crate) write_units: f64,
    /// The engine's own words on capacity.
    pub(crate) consumed: Vec<Value>,
    /// Whether it asked for what was last written; `null` if it is no read of tables.
    pub(crate) consistent: Option<bool>,
    /// The WebSocket connection that the call was about.
    pub(crate) connection: Option<String>,
    /// What it needed of the policy of the function that made it, or would need of one; empty if nobody knows.
    pub(crate) rights: Vec<Right>,
    /// When it was answered, in milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// The calls and connections so far.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: Mutex<VecDeque<Entry>>,
    connections: Mutex<BTreeMap<&'static str, u64>>,
}

impl Journal {
    /// Notes a call, and forgets the oldest if there are too many.
    pub(crate) fn note(&self, mut entry: Entry) {
        entry.at_ms = Timestamp::now().as_millisecond();
        let mut calls = lock(&self.calls);
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back(entry);
    }

    /// Notes that a function's process opened a connection for `service`.
    pub(crate) fn note_connection(&self, service: &'static str) {
        *lock(&self.connections).entry(service).or_default() += 1;
    }

    /// Every call since the last reset that is kept, in order.
    pub(crate) fn calls(&self) -> Vec<Entry> {
        lock(&self.calls).iter().cloned().collect()
    }

    /// Forgets the calls.
    pub(crate) fn reset(&self) {
        lock(&self.calls).clear();
    }

    /// How many connections functions have opened for `service`.
    pub(crate) fn connections(&self, service: &str) -> u64 {
        lock(&self.connections).get(service).copied().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_calls_are_forgotten() {
        let journal = Journal::default();
        for number in 0..=KEPT {
            journal.note(Entry { operation: number.to_string(), ..Entry::default() });
        }
        let calls = journal.calls();
        assert_eq!((calls.len(), calls[0].operation.as_str()), (KEPT, "1"));
        journal.reset();
        assert!(journal.calls().is_empty());
    }
}
