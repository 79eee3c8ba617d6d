//! A queue's batch: from messages to those that are left. SQS delivers those again, and in the end moves them to the dead-letter queue.

use std::future::ready;
use std::time::SystemTime;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use domain::time::Millis;
use futures_util::future::join_all;
use rand::RngExt as _;

use crate::deadline;
use crate::error::Error;

/// SQS delivers a failed message once more after about so many seconds; the pause grows with the number of receives. Without
/// this it would come when the queue's visibility timeout ends, as it does when its function dies.
const PAUSES: [i32; 4] = [1, 4, 15, 40];

/// The pause before SQS delivers an unreadable message again, in seconds. During a deployment the next function may be able to read it.
const UNREADABLE: i32 = 60;

/// The remainder of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageResult {
    /// None: it is done with.
    Nothing,
    /// SQS delivers it again in so many seconds.
    In(i32),
}

/// A function's work on the messages of its queues.
pub trait Consumer {
    /// The content of a message.
    type Message;

    /// Reads a message's body.
    ///
    /// # Errors
    /// This release cannot read it.
    fn read(&self, body: &str) -> Result<Self::Message, Error>;

    /// Does what a message asks for, before the invocation's deadline.
    ///
    /// # Errors
    /// It was not done.
    fn work(
        &self,
        message: &Self::Message,
        received: &SqsMessage,
        deadline: SystemTime,
    ) -> impl Future<Output = Result<MessageResult, Error>>;

    /// Takes note of a failure that is logged already, and says after how many seconds SQS delivers the message again.
    fn failed(&self, _: &Self::Message, received: &SqsMessage) -> impl Future<Output = i32> {
        ready(pause(times_received(received)))
    }

    /// Has SQS deliver a message again after so many seconds.
    ///
    /// # Errors
    /// SQS does not answer as it should. Then the message comes when its visibility timeout ends.
    fn come_again(
        &self,
        received: &SqsMessage,
        receipt_handle: &str,
        seconds: i32,
    ) -> impl Future<Output = Result<(), Error>>;
}

/// Works on all messages at the same time, and answers with those that SQS is to deliver again.
pub async fn consume<C: Consumer>(consumer: &C, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
    let left = join_all(messages.iter().map(|message| consume_one(consumer, message, deadline))).await;
    let failures = messages.iter().zip(left).filter(|(_, left)| matches!(left, MessageResult::In(_)));
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures
        .map(|(message, _)| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.clone().unwrap_or_default();
            failure
        })
        .collect();
    response
}

async fn consume_one<C: Consumer>(consumer: &C, received: &SqsMessage, deadline: SystemTime) -> MessageResult {
    let left = match consumer.read(received.body.as_deref().unwrap_or_default()) {
        Err(error) => {
            error.log();
            MessageResult::In(UNREADABLE)
        }
        Ok(message) => match deadline::before(deadline, consumer.work(&message, received, deadline)).await {
            Ok(left) => left,
            Err(error) => {
                error.log();
                MessageResult::In(consumer.failed(&message, received).await)
            }
        },
    };
    if let MessageResult::In(seconds) = left
        && let Some(handle) = &received.receipt_handle
        && let Err(error) = consumer.come_again(received, handle, seconds).await
    {
        error.log();
    }
    left
}

/// The whole seconds until a moment, rounded down; at most what SQS takes.
#[must_use]
pub fn until(due: Millis, now: Millis) -> i32 {
    const MOST: i64 = 12 * 60 * 60;
    i32::try_from(((due.0 - now.0) / 1000).clamp(0, MOST)).unwrap_or_default()
}

/// The number of times that SQS has delivered a message, this time included.
#[must_use]
pub fn times_received(message: &SqsMessage) -> usize {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// The pause before SQS delivers a failed message again, in seconds. With jitter, so that messages that failed together come
/// apart.
#[must_use]
pub fn pause(times_received: usize) -> i32 {
    let [.., last] = PAUSES;
    let most = PAUSES.get(times_received.saturating_sub(1)).copied().unwrap_or(last);
    rand::rng().random_range(most / 2..=most).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_failed_often_comes_later() {
        for (times, range) in [(0, 1..=1), (1, 1..=1), (2, 2..=4), (3, 7..=15), (4, 20..=40), (9, 20..=40)] {
            assert!(range.contains(&pause(times)), "{times}");
        }
    }

    #[test]
    fn a_message_before_its_time_waits_for_it() {
        assert_eq!(until(Millis(61_999), Millis(0)), 61);
        assert_eq!(until(Millis(0), Millis(61_999)), 0);
        assert_eq!(until(Millis(i64::MAX), Millis(0)), 43_200);
    }
}
