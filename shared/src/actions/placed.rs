//! Appending to several channels, of which each is pushed to as soon as it has the notification, whether the others fail or not.

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
pub(super) struct PlacedNotification {
    pub(super) channel: Channel,
    pub(super) seq: Seq,
    pub(super) item: Item,
}

/// Where an append says that a channel has the notification. The stream of these ends with the value.
#[derive(Debug)]
pub(super) struct PlacedSender(UnboundedSender<PlacedNotification>);

impl PlacedSender {
    /// A sender, and the stream of what it sends.
    pub(super) fn new() -> (Self, impl Stream<Item = PlacedNotification>) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        (Self(sender), stream::poll_fn(move |context| receiver.poll_recv(context)))
    }

    /// Says that a channel has it there.
    pub(super) fn has(&self, channel: &Channel, seq: Seq, item: &Item) {
        // It fails where nobody pushes any more; then nobody is left who could tell.
        let _ = self.0.send(PlacedNotification { channel: channel.clone(), seq, item: item.clone() });
    }
}

/// The turns of channels that are appended to one at a time. One that fails keeps no other waiting for long: a busy one has
/// another turn when the others have had theirs. The busy ones then share the time that is left: each turn gets an equal part of it.
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
        let give_up = if self.busy.is_some() { Instant::now() + SHORT_PATIENCE } else { self.part_of_the_rest() };
        Some((self.waiting.pop_front()?, give_up))
    }

    /// When the next turn of the last round ends.
    fn part_of_the_rest(&self) -> Instant {
        let turns = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX).max(1);
        let now = Instant::now();
        now + self.end.saturating_duration_since(now) / turns
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::refusal::{Code, Refusal};

    use super::*;

    fn busy() -> Error {
        Refusal::new(Code::ChannelBusy, "busy").into()
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_round_gives_each_busy_channel_an_equal_part_of_the_time_that_is_left() {
        let channels: Vec<Channel> =
            (1..=4).map(|number| Channel::parse(&format!("topic:{number}")).unwrap()).collect();
        let end = Instant::now() + PATIENCE;
        let mut turns = Turns::of(channels.iter());
        for _ in &channels {
            let (channel, give_up) = turns.next().unwrap();
            tokio::time::advance(give_up - Instant::now()).await;
            turns.fail(channel, busy());
        }
        let left = end - Instant::now();
        for number in 1..=4 {
            let (channel, give_up) = turns.next().unwrap();
            assert_eq!(channel, channels[number - 1]);
            assert!((give_up - Instant::now()).abs_diff(left / 4) < Duration::from_millis(1), "turn {number}");
            tokio::time::advance(give_up - Instant::now()).await;
            turns.fail(channel, busy());
        }
        assert_eq!(turns.next().map(|(channel, _)| channel), None);
        assert!(turns.ended().is_err());
    }
}
