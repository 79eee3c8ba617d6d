//! The shares queue, and its mapping to the function.

use std::collections::VecDeque;
use std::time::Duration;

use shared::domain::channel::Channel;
use shared::domain::segment::{NotificationSource, Segment, SegmentJob};
use shared::domain::seq::Seq;

use crate::assumed::{AT_FIRST, MORE_A_SECOND};

/// A message: a share of the notification's audience.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) share: SegmentJob,
    /// The number of times that it has been received.
    pub(crate) received: usize,
}

/// A segment of the audience of the one notification that is sent.
pub(crate) fn share(segment: impl Into<Segment>) -> SegmentJob {
    let channel = Channel::parse("topic:all").unwrap();
    SegmentJob { channel, source: NotificationSource::Seq(Seq(1)), segment: segment.into(), refused: 0 }
}

/// The queue. Processes that have nothing to do are used again, the latest first.
pub(crate) struct Queue {
    pub(crate) seen: VecDeque<Message>,
    pub(crate) idle: Vec<usize>,
    most: usize,
    busy: usize,
    began: Option<Duration>,
}

impl Queue {
    pub(crate) fn new(most: u32) -> Self {
        Self { seen: VecDeque::new(), idle: Vec::new(), most: most as usize, busy: 0, began: None }
    }

    /// A message for the function, if there is one and it may run once more.
    pub(crate) fn receive(&mut self, now: Duration) -> Option<Message> {
        let began = *self.began.get_or_insert(now);
        let more = (now - began).as_secs_f64() * MORE_A_SECOND;
        if self.busy >= self.most.min(AT_FIRST + more as usize) {
            return None;
        }
        let message = self.seen.pop_front()?;
        self.busy += 1;
        Some(Message { received: message.received + 1, ..message })
    }

    /// Whether it may run once more a little later, though it may not now.
    pub(crate) fn grows(&self) -> bool {
        !self.seen.is_empty() && self.busy < self.most
    }

    pub(crate) fn ended(&mut self, process: usize) {
        self.busy -= 1;
        self.idle.push(process);
    }
}
