//! Moving a dead-letter queue's messages back, at once: what AWS does message by message, as a task that takes its time.

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
pub(super) struct Moves(pub(super) Vec<MoveTask>);

impl Moves {
    /// Those of a queue, the last one first.
    pub(super) fn of(&self, name: &str) -> Vec<MoveTask> {
        self.0.iter().rev().filter(|task| task.source == name).cloned().collect()
    }
}
