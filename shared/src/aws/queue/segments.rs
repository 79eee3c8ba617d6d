//! The queues of segments of large audiences, and of connections that did not take a notification. A notification that is not to be
//! stored is in its messages, and they have a queue of their own: it keeps a message for minutes, and has no dead letters.

use domain::segment::{NotificationSource, Segment, SegmentJob, Wait};
use domain::time::Millis;

use super::{Queue, QueueMessage};
use crate::aws::clients::Clients;
use crate::clock;
use crate::error::Error;
use crate::settings::SegmentsSettings;

/// The two queues.
#[derive(Clone, Debug)]
pub struct SegmentsQueue {
    stored: Queue<SegmentJob>,
    unstored: Queue<SegmentJob>,
}

/// The group of all messages about single connections. Those about parts of an audience have none: however many connections do
/// not take what they are sent, SQS hands out the parts first.
const AGAIN: &str = "again";

impl QueueMessage for SegmentJob {
    fn group(&self) -> Option<String> {
        matches!(self.segment, Segment::One(_)).then(|| AGAIN.to_owned())
    }
}

impl SegmentsQueue {
    /// The queues at these addresses.
    #[must_use]
    pub fn new(clients: &Clients, SegmentsSettings { stored, unstored }: SegmentsSettings) -> Self {
        Self { stored: Queue::new(clients, stored), unstored: Queue::new(clients, unstored) }
    }

    /// The segment that a message asks for.
    ///
    /// # Errors
    /// It is no message of this queue, or of a later release.
    pub fn read(body: &str) -> Result<SegmentJob, Error> {
        super::read(body)
    }

    /// Queues segments that are due now.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, jobs: Vec<SegmentJob>) -> Result<(), Error> {
        let now = clock::now();
        self.send_each(jobs.into_iter().map(|job| (job, now))).await
    }

    /// Queues segments for later, each for a moment within its wait, which is at most [`LONGEST_DELAY`](super::LONGEST_DELAY).
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_later(&self, jobs: Vec<(SegmentJob, Wait)>) -> Result<(), Error> {
        let now = clock::now();
        let due = |wait: Wait| now.plus(rand::random_range(wait));
        self.send_each(jobs.into_iter().map(|(job, wait)| (job, due(wait)))).await
    }

    async fn send_each(&self, jobs: impl Iterator<Item = (SegmentJob, Millis)>) -> Result<(), Error> {
        let (unstored, stored): (Vec<_>, Vec<_>) =
            jobs.partition(|(job, _)| matches!(job.source, NotificationSource::Item(_)));
        for (queue, jobs) in [(&self.stored, stored), (&self.unstored, unstored)] {
            queue.send_all(jobs.iter().map(|(job, due)| (job, *due))).await?;
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
    use domain::segment::{NotificationSource, Range};
    use domain::seq::Seq;

    use super::super::Message;
    use super::*;

    #[test]
    fn a_message_names_its_share_and_nothing_else_is_one() {
        let channel = Channel::parse("topic:news").unwrap();
        let job = SegmentJob {
            channel,
            source: NotificationSource::Seq(Seq(42)),
            segment: Range::default().into(),
            refused: 0,
        };
        assert_eq!(SegmentsQueue::read(&Message::new(&job, Millis(0)).body).unwrap(), job);
        for text in ["", "{}", r#"{"v":1,"channel":"topic:news","seq":1}"#] {
            assert!(SegmentsQueue::read(text).is_err(), "{text}");
        }
    }
}
