//! Moves a dead-letter queue's messages back, all at once. AWS does it message by message.

use base64::{Engine, prelude::BASE64_STANDARD};
use uuid::Uuid;

use super::{
    message::Message,
    moves::{MoveRefused, MoveTask},
    queue::Queue,
    state::State,
};

impl State {
    /// Moves the messages that can be received. A message that was sent to the queue itself has no source, and stays if there is
    /// no target.
    pub(super) fn redrive(&mut self, name: &str, target: Option<&str>, time: i64) -> Result<String, MoveRefused> {
        let arn = self.queues.get(name).map(|queue| queue.declared.arn.clone()).unwrap_or_default();
        let sends_here = |queue: &Queue| queue.declared.redrive.as_ref().is_some_and(|to| to.target == arn);
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

    /// Makes a new message of one; `false` if it has no queue to go to.
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
