//! The record of every AWS call since the last reset, and the number of TCP connections that functions opened for them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::iam::Right;

/// The calls that are kept at most; more would fill the memory in a stack that runs for days.
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
    /// The status of the answer; `null` if there was none.
    pub(crate) status: Option<u16>,
    /// The error of the answer.
    pub(crate) error: Option<String>,
    /// Read units, as the engine counts them.
    pub(crate) read_units: f64,
    /// Write units, as the engine counts them.
    pub(crate) write_units: f64,
    /// The engine's report on capacity.
    pub(crate) consumed: Vec<Value>,
    /// Whether a read was strongly consistent; `null` if the call did not read items.
    pub(crate) consistent: Option<bool>,
    /// The WebSocket connection that the call was about.
    pub(crate) connection: Option<String>,
    /// The rights that the call needs of a function's policy; empty if they are not known.
    pub(crate) rights: Vec<Right>,
    /// The time of the answer, in milliseconds since 1970.
    pub(crate) at_ms: i64,
}

/// The calls and connections so far.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    calls: Mutex<VecDeque<Entry>>,
    connections: Mutex<BTreeMap<&'static str, u64>>,
}

impl Journal {
    /// Records a call, and drops the oldest one above the limit.
    pub(crate) fn note(&self, mut entry: Entry) {
        entry.at_ms = Timestamp::now().as_millisecond();
        let mut calls = lock(&self.calls);
        if calls.len() == KEPT {
            calls.pop_front();
        }
        calls.push_back(entry);
    }

    /// Records that a function's process opened a connection for `service`.
    pub(crate) fn note_connection(&self, service: &'static str) {
        *lock(&self.connections).entry(service).or_default() += 1;
    }

    /// Every call since the last reset that is kept, in order.
    pub(crate) fn calls(&self) -> Vec<Entry> {
        lock(&self.calls).iter().cloned().collect()
    }

    /// Drops all calls.
    pub(crate) fn reset(&self) {
        lock(&self.calls).clear();
    }

    /// The connections that functions have opened for `service`.
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
