//! The tasks that move a dead-letter queue's messages back.

/// A task that has ended.
#[derive(Debug, Clone)]
pub(crate) struct MoveTask {
    /// The handle that the caller gets.
    pub(crate) handle: String,
    /// The name of the queue whose messages were moved.
    pub(crate) source: String,
    /// The name of the queue that they were all moved to, if the caller named one.
    pub(crate) target: Option<String>,
    /// The messages to move.
    pub(crate) found: usize,
    /// The messages that were moved.
    pub(crate) moved: usize,
    /// The time of the task, in milliseconds since 1970.
    pub(crate) started_ms: i64,
}

/// The reasons for which there is no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MoveRefused {
    /// No queue has it as its dead-letter queue.
    #[error("Source queue must be configured as a Dead Letter Queue.")]
    NoDeadLetters,
}

/// The tasks so far.
#[derive(Debug, Default)]
pub(super) struct Moves(pub(super) Vec<MoveTask>);

impl Moves {
    /// The tasks of a queue, the last one first.
    pub(super) fn of(&self, name: &str) -> Vec<MoveTask> {
        self.0.iter().rev().filter(|task| task.source == name).cloned().collect()
    }
}
