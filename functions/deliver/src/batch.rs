//! The batches of the due queue.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsMessage;
use lambda_runtime::tracing;
use shared::actions::{Deliverer, DueMessageResult};
use shared::aws::queue::DueQueue;
use shared::batch::{self, Consumer, MessageResult};
use shared::clock;
use shared::domain::schedule::id::ScheduleId;
use shared::domain::schedule::sweep::QUEUE_TRIES;
use shared::error::Error;

/// Sends the notifications that messages name.
pub(crate) struct Due {
    pub(crate) deliverer: Deliverer,
    pub(crate) queue: DueQueue,
}

impl Consumer for Due {
    type Message = ScheduleId;

    fn read(&self, body: &str) -> Result<ScheduleId, Error> {
        DueQueue::read(body)
    }

    async fn work(&self, id: &ScheduleId, _: &SqsMessage, _: SystemTime) -> Result<MessageResult, Error> {
        Ok(match self.deliverer.deliver(*id).await? {
            DueMessageResult::Done => MessageResult::Nothing,
            DueMessageResult::NotYet(due) => {
                tracing::warn!(%id, "a message came before its time; SQS delivers it again");
                MessageResult::In(batch::until(due, clock::now()))
            }
        })
    }

    async fn failed(&self, id: &ScheduleId, received: &SqsMessage) -> i32 {
        let times = batch::times_received(received);
        if times >= QUEUE_TRIES {
            // The queue moves the message when it would be received once more.
            tracing::error!(%id, "a notification could not be delivered; its message goes to the dead-letter queue");
            if let Err(error) = self.deliverer.give_up(*id).await {
                error.log();
            }
            return 1;
        }
        batch::pause(times)
    }

    async fn come_again(&self, _: &SqsMessage, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.queue.come_again(receipt_handle, seconds).await
    }
}
