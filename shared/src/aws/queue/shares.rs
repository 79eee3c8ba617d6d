//! The queues of shares of large audiences, and of connections that did not take a notification. A notification that is not to be
//! stored is in its messages, and they have a queue of their own: it keeps a message for minutes, and has no dead letters.

use domain::share::{Part, Share, Wait, What};
use domain::time::Millis;

use super::{Queue, QueueMessage};
use crate::aws::clients::Clients;
use crate::clock;
use crate::error::Error;
use crate::settings::SharesSettings;

/// The two queues.
#[derive(Clone, Debug)]
pub struct SharesQueue {
    stored: Queue<Share>,
    unstored: Queue<Share>,
}

/// The group of all messages about single connections. Those about parts of an audience have none: however many connections do
/// not take what they are sent, SQS hands out the parts first.
const AGAIN: &str = "again";

impl QueueMessage for Share {
    fn group(&self) -> Option<String> {
        matches!(self.part, Part::One(_)).then(|| AGAIN.to_owned())
    }
}

impl SharesQueue {
    /// The queues at these addresses.
    #[must_use]
    pub fn new(clients: &Clients, SharesSettings { stored, unstored }: SharesSettings) -> Self {
        Self { stored: Queue::new(clients, stored), unstored: Queue::new(clients, unstored) }
    }

    /// The share that a message asks for.
    ///
    /// # Errors
    /// It is no message of this queue, or of a later release.
    pub fn read(body: &str) -> Result<Share, Error> {
        super::read(body)
    }

    /// Queues shares that are due now.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, shares: Vec<Share>) -> Result<(), Error> {
        let now = clock::now();
        self.send_each(shares.into_iter().map(|share| (share, now))).await
    }

    /// Queues shares for later, each for a moment within its wait, which is at most [`LONGEST_DELAY`](super::LONGEST_DELAY).
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_later(&self, shares: Vec<(Share, Wait)>) -> Result<(), Error> {
        let now = clock::now();
        let due = |wait: Wait| now.plus(rand::random_range(wait));
        self.send_each(shares.into_iter().map(|(share, wait)| (share, due(wait)))).await
    }

    async fn send_each(&self, shares: impl Iterator<Item = (Share, Millis)>) -> Result<(), Error> {
        let (unstored, stored): (Vec<_>, Vec<_>) = shares.partition(|(share, _)| matches!(share.what, What::Item(_)));
        for (queue, shares) in [(&self.stored, stored), (&self.unstored, unstored)] {
            queue.send_all(shares.iter().map(|(share, due)| (share, *due))).await?;
        }
        Ok(())
    }

    /// Has SQS deliver a message of the queue with this ARN again after so many seconds.
    ///
    /// # Errors
    /// SQS does not answer as it should. Then the message comes when its visibility timeout ends.
    pub async fn come_again(&self, arn: Option<&str>, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        let queue = if arn.is_some_and(|arn| self.unstored.has_arn(arn)) { &self.unstored } else { &self.stored };
        queue.come_again(receipt_handle, seconds).await
    }
}

#[cfg(test)]
mod tests {
    use domain::channel::Channel;
    use domain::seq::Seq;
    use domain::share::{Range, What};

    use super::super::Message;
    use super::*;

    #[test]
    fn a_message_names_its_share_and_nothing_else_is_one() {
        let channel = Channel::parse("topic:news").unwrap();
        let share = Share { channel, what: What::Seq(Seq(42)), part: Range::default().into(), refused: 0 };
        assert_eq!(SharesQueue::read(&Message::new(&share, Millis(0)).body).unwrap(), share);
        for text in ["", "{}", r#"{"v":1,"channel":"topic:news","seq":1}"#] {
            assert!(SharesQueue::read(text).is_err(), "{text}");
        }
    }
}
