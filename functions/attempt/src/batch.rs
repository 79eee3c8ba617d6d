//! The endpoints queue's batches.

use std::time::SystemTime;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use shared::actions::{Attempted, Attempter};
use shared::aws::queue::EndpointsQueue;
use shared::batch::{self, Left};
use shared::clock;
use shared::deadline;

/// Takes the queue's batches.
pub(crate) struct Batches {
    pub(crate) attempter: Attempter,
    pub(crate) queue: EndpointsQueue,
}

impl Batches {
    /// Makes the attempts that the messages ask for, all at the same time, and answers with those that have to come again.
    pub(crate) async fn attempt(&self, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
        batch::work(messages, |message| self.attempt_one(message, deadline)).await
    }

    async fn attempt_one(&self, message: &SqsMessage, deadline: SystemTime) -> Left {
        let attempt = match EndpointsQueue::read(message.body.as_deref().unwrap_or_default()) {
            Ok(attempt) => attempt,
            Err(error) => {
                error.log();
                return self.leave(message, batch::UNREADABLE).await;
            }
        };
        let seconds = match deadline::before(deadline, self.attempter.attempt(&attempt)).await {
            Ok(Attempted::Done) => return Left::Nothing,
            // Not before the second in which the other attempt is known to be over.
            Ok(Attempted::NotYet(at)) => batch::until(at, clock::now()) + 1,
            Err(error) => {
                error.log();
                batch::pause(batch::times_received(message))
            }
        };
        self.leave(message, seconds).await
    }

    /// Returns a message to its queue for so many seconds.
    async fn leave(&self, message: &SqsMessage, seconds: i32) -> Left {
        if let Some(handle) = &message.receipt_handle
            && let Err(error) = self.queue.come_again(handle, seconds).await
        {
            error.log();
        }
        Left::In(seconds)
    }
}
