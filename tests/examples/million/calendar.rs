//! Events and their times.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::gateway::Answer;
use crate::process::{Run, Try};
use crate::queue::Message;

/// An event. Moments are the time since the beginning.
#[derive(Debug)]
pub(crate) enum Event {
    /// The notification is in the log, and its sender reads who listens.
    Sent,
    /// A message can be seen in the queue.
    Seen(Message),
    /// The mapping may look again.
    Look,
    /// A process of the function has a message.
    Begun(usize, Message),
    /// The notification was read.
    Opened(Run),
    /// A page was read.
    Read(Run),
    /// The ranges to hand on are with the queue.
    HandedOn(Run),
    /// A post may go out, if there is a place.
    Turn(Try),
    /// A post that was refused is to be tried again.
    Again(Try),
    /// A post is not made now: it has no turn, or the push has stopped.
    LeftOut(Try),
    /// A post is not tried again now.
    GivenUp(Try),
    /// A post was answered; whether at once.
    Answered(Try, Answer, bool),
    /// A post was not answered at once.
    Waits(Run),
    /// The turns of a page are over soon: the next is begun.
    Near(Run),
    /// The ranges that there was no time for are another worker's.
    HandedOver(Run),
    /// A run is at its end.
    Ended(Run),
    /// A run has not ended by itself.
    TimeUp(Run),
    /// Clients connect that are to by now.
    Clients,
    /// A client's connection is open.
    Connected(u32),
    /// A client's frame arrives: for the channel, or for its own.
    Frame(u32, bool),
}

struct Entry {
    at: Duration,
    nth: u64,
    event: Event,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    /// The first is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.nth).cmp(&(self.at, self.nth))
    }
}

/// The events to come, and the time.
#[derive(Default)]
pub(crate) struct Calendar {
    pub(crate) now: Duration,
    heap: BinaryHeap<Entry>,
    nth: u64,
}

impl Calendar {
    pub(crate) fn at(&mut self, at: Duration, event: Event) {
        self.nth += 1;
        self.heap.push(Entry { at, nth: self.nth, event });
    }

    pub(crate) fn after(&mut self, wait: Duration, event: Event) {
        self.at(self.now + wait, event);
    }

    /// The next event; the time is then that of the event.
    pub(crate) fn next(&mut self) -> Option<Event> {
        let entry = self.heap.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}
