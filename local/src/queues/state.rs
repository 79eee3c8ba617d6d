//! The queues and their messages: every change of both, in memory and in the store.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::{
    message::{Letter, Message, Receives, after, now},
    moves::Moves,
    queue::{Queue, Wish},
};
use crate::store::Store;

/// The delay of the copy that a fault makes.
const DOUBLED_AFTER: Duration = Duration::from_millis(300);

/// The state that changes as one: a message may go from one queue to another.
#[derive(Debug)]
pub(super) struct State {
    /// The queues by name.
    pub(super) queues: BTreeMap<String, Queue>,
    /// The number of the last message.
    pub(super) last: u64,
    /// The messages on disk.
    pub(super) store: Store,
    /// The tasks that have moved messages.
    pub(super) moves: Moves,
}

impl State {
    /// Puts a new message into a queue, and gives its id.
    pub(super) fn post(&mut self, name: &str, sender: &str, letter: Letter) -> Option<String> {
        let queue = self.queues.get_mut(name)?;
        queue.sent += 1;
        let (sent_ms, id) = (now(), Uuid::now_v7().to_string());
        let message = Message {
            number: 0,
            queue: name.to_owned(),
            id: id.clone(),
            sender: sender.to_owned(),
            body: letter.body,
            attributes: letter.attributes,
            group: letter.group,
            sent_ms,
            due_ms: after(sent_ms, letter.delay.unwrap_or(queue.declared.delay)),
            receives: None,
            received_before: 0,
            source: None,
            copy: false,
        };
        self.put_new(message);
        Some(id)
    }

    fn put_new(&mut self, message: Message) {
        self.last += 1;
        self.put(Message { number: self.last, ..message });
    }

    /// Puts a message, new or changed, into its queue.
    pub(super) fn put(&mut self, message: Message) {
        self.store.is(&message);
        if let Some(queue) = self.queues.get_mut(&message.queue) {
            queue.put(message);
        }
    }

    /// Receives messages, and moves those that were received too often to the dead-letter queue.
    pub(super) fn receive(&mut self, name: &str, wish: Wish, time: i64) -> Vec<Message> {
        let Some(queue) = self.queues.get_mut(name) else { return Vec::new() };
        let found = queue.receive(time, wish);
        let (source, redrive) = (queue.declared.arn.clone(), queue.declared.redrive.clone());
        for message in &found.messages {
            self.store.is(message);
        }
        for message in found.dead {
            let target = redrive.as_ref().and_then(|redrive| self.named_by(&redrive.target));
            self.put(Message {
                queue: target.unwrap_or_default(),
                due_ms: time,
                receives: None,
                received_before: message.received_before.saturating_add(message.count()),
                source: Some(source.clone()),
                ..message
            });
        }
        found.messages
    }

    /// The name of the queue that has this ARN.
    pub(super) fn named_by(&self, arn: &str) -> Option<String> {
        self.queues.values().find(|queue| queue.declared.arn == arn).map(|queue| queue.declared.name.clone())
    }

    /// Puts a copy of a received message beside it, in its state before the receipt.
    pub(super) fn double(&mut self, message: &Message, time: i64) {
        let receives = message.receives.filter(|receives| receives.count > 1);
        let receives = receives.map(|receives| Receives { count: receives.count - 1, ..receives });
        self.put_new(Message { copy: true, due_ms: after(time, DOUBLED_AFTER), receives, ..message.clone() });
    }
}
