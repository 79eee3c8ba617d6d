//! One queue: its messages, in the order in which they are handed out. Its callers pass the time in, and it starts nothing by
//! itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::sync::Notify;

use super::fair::Shares;
use super::message::{Handle, Message, after, before};
use super::order::Order;
use crate::template;

/// The longest time for which a message may be hidden, counted from its receipt.
const HIDDEN_LIMIT: Duration = Duration::from_secs(43_200);

/// A receiver's request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// The messages at most.
    pub(crate) count: usize,
    /// Their weight together at most.
    pub(crate) weight: usize,
    /// The time for which they are hidden from others; without one, the queue's own.
    pub(crate) visibility: Option<Duration>,
}

impl Wish {
    /// The rest of the request beside these messages.
    pub(crate) fn beside(self, messages: &[Message]) -> Self {
        let taken: usize = messages.iter().map(Message::weight).sum();
        let (count, weight) = (self.count.saturating_sub(messages.len()), self.weight.saturating_sub(taken));
        Self { count, weight, ..self }
    }
}

/// The messages for a receiver.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The received messages.
    pub(super) messages: Vec<Message>,
    /// Messages that were received too often and have left the queue.
    pub(super) dead: Vec<Message>,
}

/// The numbers of a queue's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Messages that can be received.
    pub(crate) visible: usize,
    /// Messages that were received and are hidden.
    pub(crate) in_flight: usize,
    /// Messages that were never received and are delayed.
    pub(crate) delayed: usize,
}

/// The reasons for which a message stays hidden for as long as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unchanged {
    /// The message is gone, can be received, or was received by another receiver since.
    #[error("Message does not exist or is not available for visibility timeout change.")]
    NotInFlight,
    /// The message would be hidden for too long altogether.
    #[error("Total VisibilityTimeout for the message is beyond the limit [43200 seconds].")]
    TooLong,
}

/// A queue with its messages.
#[derive(Debug)]
pub(super) struct Queue {
    /// The template's declaration.
    pub(super) declared: template::Queue,
    /// The number of messages that were sent to it.
    pub(super) sent: u64,
    /// Wakes receivers that wait for a message.
    pub(super) changed: Arc<Notify>,
    messages: BTreeMap<u64, Message>,
    order: Order,
    /// The messages by their times of sending.
    ages: BTreeSet<(i64, u64)>,
    /// The groups' shares of the receivers' time.
    shares: Shares,
}

impl Queue {
    pub(super) fn new(declared: template::Queue) -> Self {
        Self {
            declared,
            sent: 0,
            changed: Arc::default(),
            messages: BTreeMap::new(),
            order: Order::default(),
            ages: BTreeSet::new(),
            shares: Shares::default(),
        }
    }

    pub(super) fn put(&mut self, message: Message) {
        self.order.insert(&message);
        self.ages.insert((message.sent_ms, message.number));
        self.shares.put(&message);
        self.messages.insert(message.number, message);
        self.changed.notify_waiters();
    }

    /// Takes a message out.
    pub(super) fn remove(&mut self, number: u64) -> Option<Message> {
        let message = self.messages.remove(&number)?;
        self.order.remove(&message);
        self.ages.remove(&(message.sent_ms, number));
        self.shares.remove(&message);
        Some(message)
    }

    /// Removes the messages that are too old.
    pub(super) fn expire(&mut self, now: i64) {
        while let Some((sent, number)) = self.ages.first().copied()
            && after(sent, self.declared.retention) <= now
        {
            self.remove(number);
        }
    }

    /// Receives the messages that have been due the longest; those of noisy groups come after those of others.
    pub(super) fn receive(&mut self, now: i64, wish: Wish) -> Found {
        self.expire(now);
        let visibility = wish.visibility.unwrap_or(self.declared.visibility);
        let limit = self.declared.redrive.as_ref().map_or(u32::MAX, |redrive| redrive.limit);
        let mut found = Found::default();
        let mut weight = 0;
        while found.messages.len() < wish.count
            && let Some(number) = self.next(now)
            && let Some(message) = self.messages.get(&number)
        {
            if message.count() >= limit {
                found.dead.extend(self.remove(number));
                continue;
            }
            weight += message.weight();
            if weight > wish.weight {
                break;
            }
            found.messages.extend(self.change(number, |message| message.receive(now, visibility)));
        }
        found
    }

    fn next(&mut self, now: i64) -> Option<u64> {
        if !self.shares.has_groups() {
            return self.order.next(now, &BTreeMap::new());
        }
        let flying: Vec<&Message> = self.order.in_flight(now).filter_map(|number| self.messages.get(&number)).collect();
        self.order.next(now, &self.shares.noisy(&flying, now))
    }

    /// The time of the next message that can be received, which may be in the past.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.order.next_due()
    }

    /// The numbers of the messages that can be received.
    pub(super) fn visible(&self, now: i64) -> Vec<u64> {
        self.order.visible(now).collect()
    }

    /// Deletes the message of this handle, unless it was received again since.
    pub(super) fn delete(&mut self, handle: Handle) -> Option<Message> {
        let message = self.messages.get(&handle.number).filter(|message| message.answers_to(handle))?;
        self.shares.spent(message, super::message::now());
        self.remove(handle.number)
    }

    /// Hides a message that is in flight for this long from now on.
    pub(super) fn hide(&mut self, now: i64, handle: Handle, time: Duration) -> Result<Option<Message>, Unchanged> {
        self.expire(now);
        let message = self.messages.get(&handle.number);
        let message = message.filter(|message| message.due_ms > now && message.answers_to(handle));
        let received = message.and_then(|message| message.receives).ok_or(Unchanged::NotInFlight)?.last_ms;
        let due = after(now, time);
        if due > after(received, HIDDEN_LIMIT) {
            return Err(Unchanged::TooLong);
        }
        if let Some(message) = self.messages.get(&handle.number) {
            self.shares.spent(message, now);
        }
        let message = self.change(handle.number, |message| message.due_ms = due);
        self.changed.notify_waiters();
        Ok(message)
    }

    /// Makes the delayed messages come sooner and, if wished, those in flight.
    pub(super) fn advance(&mut self, now: i64, by: Duration, in_flight: bool) -> Vec<Message> {
        self.expire(now);
        let waits = |message: &&Message| message.due_ms > now && (in_flight || message.receives.is_none());
        let waiting: Vec<u64> = self.messages.values().filter(waits).map(|message| message.number).collect();
        let sooner = |message: &mut Message| message.due_ms = before(message.due_ms, by);
        let moved = waiting.into_iter().filter_map(|number| self.change(number, sooner)).collect();
        self.changed.notify_waiters();
        moved
    }

    /// Changes a message in its place, and returns a copy.
    fn change(&mut self, number: u64, change: impl FnOnce(&mut Message)) -> Option<Message> {
        let message = self.messages.get_mut(&number)?;
        self.order.remove(message);
        change(message);
        self.order.insert(message);
        Some(message.clone())
    }

    /// Removes everything, and returns the messages' numbers.
    pub(super) fn clear(&mut self) -> Vec<u64> {
        self.order.clear();
        self.ages.clear();
        self.shares = Shares::default();
        std::mem::take(&mut self.messages).into_keys().collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub(super) fn counts(&mut self, now: i64) -> Counts {
        self.expire(now);
        let visible = self.order.visible(now).count();
        let hidden = self.messages.values().filter(|message| message.due_ms > now);
        let in_flight = hidden.filter(|message| message.receives.is_some()).count();
        Counts { visible, in_flight, delayed: self.messages.len() - visible - in_flight }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish { count: 10, weight: usize::MAX, visibility: None };
    const SECOND: i64 = 1000;

    fn queue(times: &[i64]) -> Queue {
        let mut queue = Queue::new(template::Queue::named("q"));
        for (number, time) in (1..).zip(times) {
            queue.put(Message::sent_at(*time, number));
        }
        queue
    }

    fn numbers(found: &Found) -> Vec<u64> {
        found.messages.iter().map(|message| message.number).collect()
    }

    fn counts(visible: usize, in_flight: usize, delayed: usize) -> Counts {
        Counts { visible, in_flight, delayed }
    }

    #[test]
    fn messages_come_in_the_order_in_which_they_fall_due() {
        let mut queue = queue(&[30, 10, 20, 40]);
        assert_eq!(numbers(&queue.receive(9, WISH)), [0; 0]);
        assert_eq!(queue.next_due(), Some(10));
        assert_eq!(queue.counts(30), counts(3, 0, 1));
        assert_eq!(numbers(&queue.receive(30, Wish { count: 2, ..WISH })), [2, 3]);
        assert_eq!(numbers(&queue.receive(30, WISH)), [1]);
        assert_eq!(queue.counts(30), counts(0, 3, 1));
    }

    #[test]
    fn a_received_message_is_hidden_until_its_time_is_over() {
        let mut queue = queue(&[0]);
        assert_eq!(numbers(&queue.receive(5, WISH)), [1]);
        assert_eq!(numbers(&queue.receive(30 * SECOND + 4, WISH)), [0; 0]);
        let again = queue.receive(30 * SECOND + 5, Wish { visibility: Some(Duration::from_secs(1)), ..WISH });
        assert_eq!(again.messages[0].count(), 2);
        assert_eq!(numbers(&queue.receive(31 * SECOND + 5, WISH)), [1]);
    }

    #[test]
    fn only_the_handle_of_the_last_receive_deletes() {
        let mut queue = queue(&[0]);
        let handle = |found: &Found| Handle::read(&found.messages[0].handle()).expect("a handle");
        let first = handle(&queue.receive(0, WISH));
        let second = handle(&queue.receive(60 * SECOND, WISH));
        assert_eq!(queue.delete(first), None);
        // Its time is over, but no other receiver has it.
        assert!(queue.delete(second).is_some() && queue.is_empty());
        assert_eq!(queue.delete(second), None);
    }

    #[test]
    fn what_is_in_flight_can_be_hidden_for_longer_or_no_longer() {
        let mut queue = queue(&[0]);
        let found = queue.receive(0, WISH);
        let handle = Handle::read(&found.messages[0].handle()).expect("a handle");
        queue.hide(0, handle, Duration::from_secs(60)).expect("it is in flight");
        assert_eq!(queue.counts(59 * SECOND), counts(0, 1, 0));
        let limit = queue.hide(SECOND, handle, HIDDEN_LIMIT);
        assert_eq!(limit, Err(Unchanged::TooLong));
        queue.hide(59 * SECOND, handle, Duration::ZERO).expect("it is in flight");
        let visible = queue.hide(59 * SECOND, handle, Duration::ZERO);
        assert_eq!(visible, Err(Unchanged::NotInFlight));
        assert_eq!(numbers(&queue.receive(59 * SECOND, WISH)), [1]);
    }

    #[test]
    fn what_waits_may_come_sooner() {
        let mut queue = queue(&[0, 90 * SECOND, 60 * SECOND]);
        assert_eq!(numbers(&queue.receive(0, WISH)), [1]);
        let by = |seconds: u64| Duration::from_secs(seconds);
        assert_eq!(queue.advance(0, by(50), false).len(), 2);
        assert_eq!((queue.counts(10 * SECOND), queue.counts(0)), (counts(1, 1, 1), counts(0, 1, 2)));
        assert_eq!(queue.advance(10 * SECOND, by(3600), true).len(), 2);
        assert_eq!(numbers(&queue.receive(10 * SECOND, WISH)), [1, 2, 3]);
    }

    #[test]
    fn what_is_too_old_is_gone() {
        let mut queue = queue(&[0, 5]);
        let week = 345_600 * SECOND;
        assert_eq!(numbers(&queue.receive(week, WISH)), [2]);
        assert_eq!(queue.counts(week + 5), counts(0, 0, 0));
    }

    #[test]
    fn what_was_received_too_often_is_a_dead_letter() {
        let mut queue = queue(&[0, 1]);
        queue.declared.redrive = Some(template::Redrive { target: "arn".to_owned(), limit: 1 });
        assert_eq!(numbers(&queue.receive(0, WISH)), [1]);
        let found = queue.receive(60 * SECOND, WISH);
        assert_eq!((numbers(&found), found.dead[0].number), (vec![2], 1));
    }

    #[test]
    fn a_receiver_gets_no_more_than_it_can_carry() {
        let mut queue = queue(&[0, 0, 0]);
        let weight = 2 * Message::sent_at(0, 1).weight();
        assert_eq!(numbers(&queue.receive(0, Wish { weight, ..WISH })), [1, 2]);
    }
}
