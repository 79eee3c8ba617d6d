//! From messages to what is left of them. Those that are left come again, and in the end go to the dead-letter queue.

use std::time::SystemTime;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsMessage};
use futures_util::future::join_all;
use lambda_runtime::tracing;
use rand::RngExt as _;
use shared::actions::{Delivered, Deliverer};
use shared::aws::queue::{self, DueQueue};
use shared::clock;
use shared::deadline;
use shared::domain::schedule::id::ScheduleId;
use shared::domain::schedule::sweep::QUEUE_TRIES;
use shared::domain::time::Millis;
use shared::error::Error;

/// A message that failed comes again after about so many seconds, the longer the more often it has come. Without this it
/// would come when the queue's visibility timeout ends, as it does when this function dies.
const PAUSES: [i32; 4] = [1, 4, 15, 40];

/// What is left of a message.
enum Left {
    Nothing,
    /// It is to come again in so many seconds.
    In(i32),
}

/// Takes the queue's batches.
pub(crate) struct Batches {
    pub(crate) deliverer: Deliverer,
    pub(crate) queue: DueQueue,
}

impl Batches {
    /// Sends what the messages name, all at the same time, and answers with those that have to come again.
    pub(crate) async fn deliver(&self, messages: Vec<SqsMessage>, deadline: SystemTime) -> SqsBatchResponse {
        let left = join_all(messages.iter().map(|message| self.deliver_one(message, deadline))).await;
        let failures = messages.into_iter().zip(left).filter(|(_, left)| matches!(left, Left::In(_)));
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures
            .map(|(message, _)| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = message.message_id.unwrap_or_default();
                failure
            })
            .collect();
        response
    }

    async fn deliver_one(&self, message: &SqsMessage, deadline: SystemTime) -> Left {
        let id = match queue::read(message.body.as_deref().unwrap_or_default()) {
            Ok(id) => id,
            Err(error) => {
                tracing::error!(%error, "a message of the due queue is none of ours, and goes to the dead-letter queue");
                return Left::In(1);
            }
        };
        let left = match deadline::before(deadline, self.deliverer.deliver(id)).await {
            Ok(Delivered::Done) => return Left::Nothing,
            Ok(Delivered::NotYet(due)) => {
                tracing::warn!(%id, "a message has come before its time, and is to come again");
                Left::In(until(due, clock::now()))
            }
            Err(error) => self.failed(id, message, &error).await,
        };
        if let (Left::In(seconds), Some(handle)) = (&left, &message.receipt_handle)
            && let Err(error) = self.queue.come_again(handle, *seconds).await
        {
            error.log();
        }
        left
    }

    async fn failed(&self, id: ScheduleId, message: &SqsMessage, error: &Error) -> Left {
        error.log();
        let times = times_received(message);
        if times >= QUEUE_TRIES {
            // The queue gives it away when it would be received once more.
            tracing::error!(%id, "a notification could not be delivered; its message goes to the dead-letter queue");
            if let Err(error) = self.deliverer.give_up(id).await {
                error.log();
            }
            return Left::In(1);
        }
        Left::In(pause(times))
    }
}

/// In whole seconds, rounded down; at most what SQS takes.
fn until(due: Millis, now: Millis) -> i32 {
    const MOST: i64 = 12 * 60 * 60;
    i32::try_from(((due.0 - now.0) / 1000).clamp(0, MOST)).unwrap_or_default()
}

fn times_received(message: &SqsMessage) -> usize {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

/// With jitter, so that what failed together does not come again together.
fn pause(times_received: usize) -> i32 {
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
