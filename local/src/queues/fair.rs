//! Fair queues: a queue whose messages have groups (`MessageGroupId`) hands out messages of other groups before those of a group
//! that takes up much of its receivers
//! (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues-detailed.html>). AWS speaks of a
//! recent share of the processing time; here that is the last minute.

use std::collections::{BTreeMap, VecDeque};

use super::message::Message;

/// A group is noisy if it has more than one in this many of all messages in flight, or of all the time that receivers have spent.
const SHARE: i64 = 10;

/// The messages in flight that a group has at least to be noisy by those.
const CROWD: i64 = 30;

/// The milliseconds for which spent time counts.
const RECENT: i64 = 60_000;

/// The groups that have messages in a queue.
#[derive(Debug, Default)]
pub(super) struct Shares(BTreeMap<String, Group>);

#[derive(Debug, Default)]
struct Group {
    /// The messages of the group in the queue. A group without messages is forgotten, as AWS says of a backlog that is worked
    /// off.
    messages: usize,
    /// The end and the length of each time that its messages were worked on.
    spent: VecDeque<(i64, i64)>,
    /// The sum of those lengths.
    total: i64,
}

impl Group {
    /// The time for which its messages were worked on lately.
    fn recent(&mut self, now: i64) -> i64 {
        while let Some((_, time)) = self.spent.pop_front_if(|(until, _)| now - *until >= RECENT) {
            self.total -= time;
        }
        self.total
    }
}

impl Shares {
    /// Whether any message has a group.
    pub(super) fn has_groups(&self) -> bool {
        !self.0.is_empty()
    }

    /// Adds a message to its group.
    pub(super) fn put(&mut self, message: &Message) {
        if let Some(group) = &message.group {
            self.0.entry(group.clone()).or_default().messages += 1;
        }
    }

    /// Removes a message from its group.
    pub(super) fn remove(&mut self, message: &Message) {
        let Some(name) = &message.group else { return };
        let Some(group) = self.0.get_mut(name) else { return };
        group.messages -= 1;
        if group.messages == 0 {
            self.0.remove(name);
        }
    }

    /// Records that a message was worked on from its receipt until now.
    pub(super) fn spent(&mut self, message: &Message, now: i64) {
        let (Some(name), Some(receives)) = (&message.group, message.receives) else { return };
        if let Some(group) = self.0.get_mut(name) {
            let time = now - receives.last_ms;
            group.spent.push_back((now, time));
            group.total += time;
        }
    }

    /// The noisy groups, each with its messages in flight.
    pub(super) fn noisy(&mut self, in_flight: &[&Message], now: i64) -> BTreeMap<String, i64> {
        let mut counts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        let mut all = (0, 0);
        for (name, group) in &mut self.0 {
            let time = group.recent(now);
            counts.insert(name, (0, time));
            all.1 += time;
        }
        for message in in_flight {
            let time = message.receives.map_or(0, |receives| now - receives.last_ms);
            all = (all.0 + 1, all.1 + time);
            if let Some(count) = message.group.as_deref().and_then(|name| counts.get_mut(name)) {
                *count = (count.0 + 1, count.1 + time);
            }
        }
        counts.retain(|_, (flying, time)| (*flying >= CROWD && *flying * SHARE > all.0) || *time * SHARE > all.1);
        counts.into_iter().map(|(name, (flying, _))| (name.to_owned(), flying)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::queues::{
        message::Handle,
        queue::{Queue, Wish},
    };
    use crate::template;

    const ONE: Wish = Wish { count: 1, weight: usize::MAX, visibility: Some(Duration::from_secs(100)) };

    fn queue(groups: &[Option<&str>]) -> Queue {
        let mut queue = Queue::new(template::Queue::named("q"));
        for (number, group) in (1..).zip(groups) {
            queue.put(Message { group: group.map(str::to_owned), ..Message::sent_at(0, number) });
        }
        queue
    }

    fn next(queue: &mut Queue, now: i64) -> u64 {
        queue.receive(now, ONE).messages[0].number
    }

    #[test]
    fn who_takes_up_much_time_comes_after_others() {
        let mut queue = queue(&[Some("noisy"), Some("noisy"), Some("noisy"), Some("quiet"), None]);
        assert_eq!(next(&mut queue, 0), 1);
        assert_eq!((next(&mut queue, 5_000), next(&mut queue, 5_000)), (4, 5), "what is in no group is quiet");
        assert_eq!(next(&mut queue, 5_000), 2, "with nobody else, it is its turn");
    }

    #[test]
    fn of_two_that_take_up_much_the_one_with_less_in_flight_comes_first() {
        let mut queue = queue(&[Some("a"), Some("a"), Some("b"), Some("a"), Some("b")]);
        assert_eq!([next(&mut queue, 0), next(&mut queue, 0), next(&mut queue, 0)], [1, 2, 3]);
        assert_eq!([next(&mut queue, 1_000), next(&mut queue, 1_000)], [5, 4]);
    }

    #[test]
    fn what_was_spent_counts_for_a_minute_and_no_longer_than_there_is_a_backlog() {
        let mut queue = queue(&[Some("a"), Some("a"), Some("b")]);
        let found = queue.receive(0, ONE);
        let handle = Handle::read(&found.messages[0].handle()).expect("a handle");
        queue.hide(9_000, handle, Duration::from_secs(3_000)).expect("it is in flight");
        assert_eq!(next(&mut queue, 10_000), 3);
        let mut quiet = self::queue(&[Some("a"), Some("b")]);
        assert_eq!(next(&mut quiet, 0), 1);
        quiet.remove(1);
        quiet.put(Message { group: Some("a".to_owned()), ..Message::sent_at(-1, 3) });
        assert_eq!(next(&mut quiet, 10_000), 3, "it has worked off its backlog");
    }
}
