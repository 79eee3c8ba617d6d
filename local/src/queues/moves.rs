//! Moving a dead-letter queue's messages back, at once: what AWS does message by message, as a task that takes its time.

use base64::{Engine, prelude::BASE64_STANDARD};
use uuid::Uuid;

use super::{State, message::Message};

/// A task that has ended.
#[derive(Debug, Clone)]
pub(crate) struct MoveTask {
    /// What its caller knows it by.
    pub(crate) handle: String,
    /// The name of the queue whose messages were moved.
    pub(crate) source: String,
    /// The name of the queue that they were all moved to, if it was said.
    pub(crate) target: Option<String>,
    /// How many were to be moved.
    pub(crate) found: usize,
    /// How many were.
    pub(crate) moved: usize,
    /// When, in milliseconds since 1970.
    pub(crate) started_ms: i64,
}

/// Why there is no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MoveRefused {
    /// No queue has its dead letters there.
    #[error("Source queue must be configured as a Dead Letter Queue.")]
    NoDeadLetters,
}

/// The tasks so far.
#[derive(Debug, Default)]
pub(super) struct Moves(Vec<MoveTask>);

impl Moves {
    /// Those of a queue, the last one first.
    pub(super) fn of(&self, name: &str) -> Vec<MoveTask> {
        self.0.iter().rev().filter(|task| task.source == name).cloned().collect()
    }
}

impl State {
    /// Moves what can be received. A message that was sent to the queue itself came from nowhere, and stays if no target
    /// is said.
    pub(super) fn redrive(&mut self, name: &str, target: Option<&str>, time: i64) -> Result<String, MoveRefused> {
        let arn = self.queues.get(name).map(|queue| queue.declared.arn.clone()).unwrap_or_default();
        let sends_here = |queue: &super::Queue| queue.declared.redrive.as_ref().is_some_and(|to| to.target == arn);
        if !self.queues.values().any(sends_here) {
            return Err(MoveRefused::NoDeadLetters);
        }
        let found = self.queues.get(name).map(|queue| queue.visible(time)).unwrap_or_default();
        let moved = found.iter().filter(|number| self.move_one(name, **number, target, time)).count();
        let task = MoveTask {
            handle: BASE64_STANDARD.encode(Uuid::now_v7().to_string()),
            source: name.to_owned(),
            target: target.map(str::to_owned),
            found: found.len(),
            moved,
            started_ms: time,
        };
        self.moves.0.push(task.clone());
        Ok(task.handle)
    }

    /// Makes a new message of one; says whether there is somewhere for it to go.
    fn move_one(&mut self, name: &str, number: u64, target: Option<&str>, time: i64) -> bool {
        let Some(message) = self.queues.get_mut(name).and_then(|queue| queue.remove(number)) else { return false };
        let source = message.source.as_deref().and_then(|arn| self.named_by(arn));
        let Some(queue) = target.map(str::to_owned).or(source) else {
            self.put(message);
            return false;
        };
        self.put(Message {
            queue,
            id: Uuid::now_v7().to_string(),
            sent_ms: time,
            due_ms: time,
            receives: None,
            received_before: 0,
            source: None,
            ..message
        });
        true
    }
}
