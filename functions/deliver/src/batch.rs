//! The due queue's batches.

use std::time::SystemTime;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use lambda_runtime::tracing;
use shared::actions::{Delivered, Deliverer};
use shared::aws::queue::{self, DueQueue};
use shared::batch::{self, Left};
use shared::clock;
use shared::deadline;
use shared::domain::schedule::id::ScheduleId;
use shared::domain::schedule::sweep::QUEUE_TRIES;
use shared::error::Error;

/// Takes the queue's batches.
pub(crate) struct Batches {
    pub(crate) deliverer: Deliverer,
    pub(crate) queue: DueQueue,
}

impl Batches {
    /// Sends what the messages name, all at the same time, and answers with those that have to come again.
    pub(crate) async fn deliver(&self, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
        batch::work(messages, |message| self.deliver_one(message, deadline)).await
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
                Left::In(batch::until(due, clock::now()))
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
        let times = batch::times_received(message);
        if times >= QUEUE_TRIES {
            // The queue gives it away when it would be received once more.
            tracing::error!(%id, "a notification could not be delivered; its message goes to the dead-letter queue");
            if let Err(error) = self.deliverer.give_up(id).await {
                error.log();
            }
            return Left::In(1);
        }
        Left::In(batch::pause(times))
    }
}
