//! SQS: the queues of the stack and their messages.

mod fair;
mod message;
mod moves;
mod order;
mod queue;
mod redrive;
mod state;

use std::{
    collections::BTreeMap,
    path::Path,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

use self::{message::now, moves::Moves, queue::Queue, state::State};
pub(crate) use self::{
    message::{Handle, Letter, Message, digest},
    moves::{MoveRefused, MoveTask},
    queue::{Counts, Unchanged, Wish},
};
use crate::{
    error::StartError,
    faults::{Action, Faults, Subject},
    store::Store,
    template,
};

/// All queues of the stack.
#[derive(Debug)]
pub(crate) struct Queues {
    state: Mutex<State>,
    faults: Arc<Faults>,
}

impl Queues {
    /// Opens the queues, in `folder` or in memory.
    pub(crate) fn open(
        folder: Option<&Path>,
        declared: Vec<template::Queue>,
        faults: Arc<Faults>,
    ) -> Result<Self, StartError> {
        let queues = declared.into_iter().map(|queue| (queue.name.clone(), Queue::new(queue)));
        let mut queues: BTreeMap<String, Queue> = queues.collect();
        let (store, messages) = match folder {
            Some(folder) => {
                Store::open(&folder.join("queues.jsonl"), |message: &Message| queues.contains_key(&message.queue))?
            }
            None => Default::default(),
        };
        let last = messages.last().map_or(0, |message| message.number);
        for message in messages {
            if let Some(queue) = queues.get_mut(&message.queue) {
                queue.put(message);
            }
        }
        let state = State { queues, last, store, moves: Moves::default() };
        Ok(Self { state: Mutex::new(state), faults })
    }

    /// The template's declaration of the queue with this name.
    pub(crate) fn declared(&self, name: &str) -> Option<template::Queue> {
        self.lock().queues.get(name).map(|queue| queue.declared.clone())
    }

    /// The names of all queues.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().queues.keys().cloned().collect()
    }

    /// Puts messages into a queue, and returns their ids.
    pub(crate) fn send(&self, name: &str, sender: &str, letters: Vec<Letter>) -> std::io::Result<Vec<String>> {
        self.change(|state| letters.into_iter().filter_map(|letter| state.post(name, sender, letter)).collect())
    }

    /// Receives messages as soon as there are some, or none after `wait`. (None at once, too, if the messages weigh more than is
    /// wished for.)
    pub(crate) async fn receive(&self, name: &str, wish: Wish, wait: Duration) -> std::io::Result<Vec<Message>> {
        let until = Instant::now() + wait;
        let changed = self.lock().queues.get(name).map(|queue| Arc::clone(&queue.changed)).unwrap_or_default();
        loop {
            let mut changes = pin!(changed.notified());
            changes.as_mut().enable();
            let time = now();
            let (messages, next) = self.take(name, wish, time)?;
            if !messages.is_empty() || next.is_some_and(|next| next <= time) || Instant::now() >= until {
                return Ok(messages);
            }
            let soon = next.and_then(|next| u64::try_from(next - time).ok()).map(Duration::from_millis);
            let wake = soon.map_or(until, |soon| until.min(Instant::now() + soon));
            tokio::select! {
                () = changes => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// The messages that can be received now, and the time of the next one.
    fn take(&self, name: &str, wish: Wish, time: i64) -> std::io::Result<(Vec<Message>, Option<i64>)> {
        self.change(|state| {
            let messages = state.receive(name, wish, time);
            for message in messages.iter().filter(|message| !message.copy) {
                if self.is_doubled(&state.queues[name].declared.logical_name) {
                    state.double(message, time);
                }
            }
            (messages, state.queues.get(name).and_then(Queue::next_due))
        })
    }

    fn is_doubled(&self, queue: &str) -> bool {
        let effect = self.faults.take(&format!("queue.{queue}"), &Subject::default());
        effect.is_some_and(|effect| effect.action == Action::Double)
    }

    /// Deletes messages, except those that were received again since.
    pub(crate) fn delete(&self, name: &str, handles: &[Handle]) -> std::io::Result<()> {
        self.change(|state| {
            let Some(queue) = state.queues.get_mut(name) else { return };
            for gone in handles.iter().filter_map(|handle| queue.delete(*handle)) {
                state.store.gone(gone.number);
            }
        })
    }

    /// Hides a message that is in flight for this long from now on.
    pub(crate) fn hide(&self, name: &str, handle: Handle, time: Duration) -> std::io::Result<Result<(), Unchanged>> {
        self.change(|state| {
            let queue = state.queues.get_mut(name).ok_or(Unchanged::NotInFlight)?;
            if let Some(message) = queue.hide(now(), handle, time)? {
                state.store.is(&message);
            }
            Ok(())
        })
    }

    /// Makes the delayed messages of the queue with this logical name come sooner and, if wished, those in flight. Returns their
    /// number, or `None` if there is no such queue.
    pub(crate) fn advance(&self, logical: &str, by: Duration, in_flight: bool) -> std::io::Result<Option<usize>> {
        self.change(|state| {
            let queue = state.queues.values_mut().find(|queue| queue.declared.logical_name == logical)?;
            let moved = queue.advance(now(), by, in_flight);
            moved.iter().for_each(|message| state.store.is(message));
            Some(moved.len())
        })
    }

    /// Takes out all messages of a queue.
    pub(crate) fn purge(&self, name: &str) -> std::io::Result<()> {
        self.change(|state| {
            let gone = state.queues.get_mut(name).map(Queue::clear).unwrap_or_default();
            gone.into_iter().for_each(|number| state.store.gone(number));
        })
    }

    /// Moves a dead-letter queue's messages back to their sources, or to the queue of the name `target`, and returns the task's
    /// handle.
    pub(crate) fn redrive(&self, name: &str, target: Option<&str>) -> std::io::Result<Result<String, MoveRefused>> {
        self.change(|state| state.redrive(name, target, now()))
    }

    /// The tasks that moved messages of a queue, the last one first.
    pub(crate) fn moves(&self, name: &str) -> Vec<MoveTask> {
        self.lock().moves.of(name)
    }

    /// The numbers of a queue's messages.
    pub(crate) fn counts(&self, name: &str) -> Option<Counts> {
        self.lock().queues.get_mut(name).map(|queue| queue.counts(now()))
    }

    /// Every queue, for the control API.
    pub(crate) fn describe(&self) -> Value {
        let mut state = self.lock();
        let queues = state.queues.values_mut().map(|queue| {
            let counts = queue.counts(now());
            json!({
                "queue": queue.declared.logical_name,
                "name": queue.declared.name,
                "visible": counts.visible,
                "in_flight": counts.in_flight,
                "delayed": counts.delayed,
                "sent": queue.sent,
            })
        });
        queues.collect()
    }

    /// Makes a change that is kept once this returns.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> std::io::Result<T> {
        let mut state = self.lock();
        let result = change(&mut state);
        let empty = state.queues.values().all(Queue::is_empty);
        state.store.commit(empty)?;
        Ok(result)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
