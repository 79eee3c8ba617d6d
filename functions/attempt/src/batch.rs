//! The batches of the endpoints' queues: of one message each, so that none ends with the slowest of others.

use std::time::SystemTime;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use shared::actions::{Attempted, Attempter};
use shared::aws::queue::EndpointQueues;
use shared::batch::{self, Left};
use shared::clock;
use shared::deadline;
use shared::domain::endpoint::lane::Lane;

/// Takes the queues' batches.
pub(crate) struct Batches {
    pub(crate) attempter: Attempter,
    pub(crate) queues: EndpointQueues,
}

impl Batches {
    /// Makes the attempts that the messages ask for, all at the same time, and answers with the messages to deliver
    /// once more.
    pub(crate) async fn attempt(&self, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
        batch::work(messages, |message| self.attempt_one(message, deadline)).await
    }

    async fn attempt_one(&self, message: &SqsMessage, deadline: SystemTime) -> Left {
        let lane = self.queues.lane(message.event_source_arn.as_deref());
        let attempt = match EndpointQueues::read(message.body.as_deref().unwrap_or_default()) {
            Ok(attempt) => attempt,
            Err(error) => {
                error.log();
                return self.leave(message, lane, batch::UNREADABLE).await;
            }
        };
        let seconds = match deadline::before(deadline, self.attempter.attempt(&attempt, lane)).await {
            Ok(Attempted::Done) => return Left::Nothing,
            // Not before the second in which the other attempt is known to be over.
            Ok(Attempted::NotYet(at)) => batch::until(at, clock::now()) + 1,
            Err(error) => {
                error.log();
                batch::pause(batch::times_received(message))
            }
        };
        self.leave(message, lane, seconds).await
    }

    /// Returns a message to its queue for so many seconds.
    async fn leave(&self, message: &SqsMessage, lane: Lane, seconds: i32) -> Left {
        if let Some(handle) = &message.receipt_handle
            && let Err(error) = self.queues.come_again(lane, handle, seconds).await
        {
            error.log();
        }
        Left::In(seconds)
    }
}
