//! The batches of the endpoints' queues: of one message each, so that none ends with the slowest of others.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsMessage;
use shared::actions::{AttemptMessageResult, Attempter};
use shared::aws::queue::EndpointQueues;
use shared::batch::{self, Consumer, MessageResult};
use shared::clock;
use shared::domain::endpoint::attempt::Attempt;
use shared::domain::endpoint::lane::Lane;
use shared::error::Error;

/// Makes the attempts that messages ask for.
pub(crate) struct Attempts {
    pub(crate) attempter: Attempter,
    pub(crate) queues: EndpointQueues,
}

impl Attempts {
    fn lane(&self, received: &SqsMessage) -> Lane {
        self.queues.lane(received.event_source_arn.as_deref())
    }
}

impl Consumer for Attempts {
    type Message = Attempt;

    fn read(&self, body: &str) -> Result<Attempt, Error> {
        EndpointQueues::read(body)
    }

    async fn work(&self, attempt: &Attempt, received: &SqsMessage, _: SystemTime) -> Result<MessageResult, Error> {
        Ok(match self.attempter.attempt(attempt, self.lane(received)).await? {
            AttemptMessageResult::Done => MessageResult::Nothing,
            // Not before the second in which the other attempt is known to be over.
            AttemptMessageResult::NotYet(at) => MessageResult::In(batch::until(at, clock::now()) + 1),
        })
    }

    async fn come_again(&self, received: &SqsMessage, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.queues.come_again(self.lane(received), receipt_handle, seconds).await
    }
}
