//! Appending to several channels, of which each is pushed to as soon as it has the notification, whatever becomes of the others.

use std::collections::VecDeque;

use domain::channel::Channel;
use domain::item::Item;
use domain::seq::Seq;
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::time::Instant;

use crate::aws::log::{PATIENCE, SHORT_PATIENCE};
use crate::error::Error;

/// A notification that has a place in a channel's log.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) channel: Channel,
    pub(super) seq: Seq,
    pub(super) item: Item,
}

/// Where an append says that a channel has the notification. The stream of these ends with the value.
#[derive(Debug)]
pub(super) struct Placing(UnboundedSender<Placed>);

impl Placing {
    /// What says it, and what it says.
    pub(super) fn new() -> (Self, impl Stream<Item = Placed>) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (Self(sender), stream::poll_fn(move |context| receiver.poll_recv(context)))
    }

    /// Says that a channel has it there.
    pub(super) fn has(&self, channel: &Channel, seq: Seq, item: &Item) {
        // It fails where nobody pushes any more; then nobody is left who could tell.
        let _ = self.0.send(Placed { channel: channel.clone(), seq, item: item.clone() });
    }
}

/// The turns of channels that are appended to one after the other. One that fails keeps no other waiting for long: a busy one has
/// another turn when the others have had theirs.
#[derive(Debug)]
pub(super) struct Turns {
    waiting: VecDeque<Channel>,
    /// Those that have another turn; none in the last round.
    busy: Option<VecDeque<Channel>>,
    /// When the last round ends.
    end: Instant,
    failed: Option<Error>,
}

impl Turns {
    pub(super) fn of<'a>(channels: impl Iterator<Item = &'a Channel>) -> Self {
        let (waiting, end) = (channels.cloned().collect(), Instant::now() + PATIENCE);
        Self { waiting, busy: Some(VecDeque::new()), end, failed: None }
    }

    /// Whose turn it is, and until when.
    pub(super) fn next(&mut self) -> Option<(Channel, Instant)> {
        if self.waiting.is_empty() {
            self.waiting = self.busy.take()?;
        }
        let give_up = if self.busy.is_some() { Instant::now() + SHORT_PATIENCE } else { self.end };
        Some((self.waiting.pop_front()?, give_up))
    }

    /// Notes that a turn was in vain.
    pub(super) fn fail(&mut self, channel: Channel, error: Error) {
        match &mut self.busy {
            Some(busy) if error.is_busy() => busy.push_back(channel),
            _ => self.failed = self.failed.take().or(Some(error)),
        }
    }

    /// The first failure, when all have had their turns.
    pub(super) fn ended(self) -> Result<(), Error> {
        self.failed.map_or(Ok(()), Err)
    }
}
