//! The order in which messages are handed out: by their due times, but a noisy group waits for the others. Each group has a list
//! of its own, so that a crowd of one is stepped over at once.
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html>

use std::collections::{BTreeMap, BTreeSet};

use super::message::Message;

/// The time from which a message can be received, and its number.
type Place = (i64, u64);

/// The messages of a queue in their order.
#[derive(Debug, Default)]
pub(super) struct Order {
    all: Part,
    /// By the name of their group; `None` for messages without one.
    groups: BTreeMap<Option<String>, Part>,
}

#[derive(Debug, Default)]
struct Part {
    due: BTreeSet<Place>,
    /// The messages that were received already.
    received: BTreeSet<Place>,
}

fn place(message: &Message) -> Place {
    (message.due_ms, message.number)
}

impl Part {
    fn insert(&mut self, message: &Message) {
        self.due.insert(place(message));
        if message.receives.is_some() {
            self.received.insert(place(message));
        }
    }

    fn remove(&mut self, message: &Message) {
        self.due.remove(&place(message));
        self.received.remove(&place(message));
    }

    fn first_due(&self, now: i64) -> Option<Place> {
        self.due.first().copied().filter(|(due, _)| *due <= now)
    }
}

impl Order {
    pub(super) fn insert(&mut self, message: &Message) {
        self.all.insert(message);
        self.groups.entry(message.group.clone()).or_default().insert(message);
    }

    pub(super) fn remove(&mut self, message: &Message) {
        self.all.remove(message);
        if let Some(group) = self.groups.get_mut(&message.group) {
            group.remove(message);
            if group.due.is_empty() {
                self.groups.remove(&message.group);
            }
        }
    }

    /// The number of the message to hand out next, if there is one: first of groups that are not `noisy`, then of the group with
    /// the fewest messages in flight.
    pub(super) fn next(&self, now: i64, noisy: &BTreeMap<String, i64>) -> Option<u64> {
        if noisy.is_empty() {
            return self.all.first_due(now).map(|(_, number)| number);
        }
        let due = self.groups.iter().filter_map(|(name, group)| {
            let noise = name.as_ref().and_then(|name| noisy.get(name)).map_or(-1, |flying| *flying);
            Some((noise, group.first_due(now)?))
        });
        due.min().map(|(_, (_, number))| number)
    }

    /// The numbers of the messages in flight.
    pub(super) fn in_flight(&self, now: i64) -> impl Iterator<Item = u64> {
        self.all.received.range((now, u64::MAX)..).map(|(_, number)| *number)
    }

    /// The time of the next message that can be received, which may be in the past.
    pub(super) fn next_due(&self) -> Option<i64> {
        self.all.due.first().map(|(due, _)| *due)
    }

    /// The numbers of the messages that can be received.
    pub(super) fn visible(&self, now: i64) -> impl Iterator<Item = u64> {
        self.all.due.range(..=(now, u64::MAX)).map(|(_, number)| *number)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message(number: u64, time: i64, group: Option<&str>) -> Message {
        Message { group: group.map(str::to_owned), ..Message::sent_at(time, number) }
    }

    #[test]
    fn a_noisy_group_waits_for_the_others() {
        let crowd = (1..=3).map(|number| message(number, 0, Some("crowd")));
        let others = [message(200, 5, Some("other")), message(201, 6, None)];
        let messages: Vec<Message> = crowd.chain(others).collect();
        let mut order = Order::default();
        messages.iter().for_each(|message| order.insert(message));
        assert_eq!(order.next(10, &BTreeMap::new()), Some(1));
        let noisy = BTreeMap::from([("crowd".to_owned(), 30)]);
        assert_eq!((order.next(10, &noisy), order.next(4, &noisy)), (Some(200), Some(1)));
        order.remove(&messages[3]);
        assert_eq!(order.next(10, &noisy), Some(201));
        order.remove(&messages[4]);
        assert_eq!(order.next(10, &noisy), Some(1));
        let mut received = messages[0].clone();
        order.remove(&received);
        received.receive(10, Duration::from_secs(60));
        order.insert(&received);
        assert_eq!((order.in_flight(10).collect::<Vec<_>>(), order.next(10, &noisy)), (vec![1], Some(2)));
        assert_eq!((order.next_due(), order.visible(10).count()), (Some(0), 2));
        for message in [&received, &messages[1], &messages[2]] {
            order.remove(message);
        }
        assert!(order.next(i64::MAX, &noisy).is_none() && order.groups.is_empty());
    }
}
