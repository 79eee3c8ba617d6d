//! The due queue's batches.

use std::time::SystemTime;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use lambda_runtime::tracing;
use shared::actions::{Delivered, Deliverer};
use shared::aws::queue::DueQueue;
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
    /// Sends the notifications that the messages name, all at the same time, and answers with the messages to deliver
    /// once more.
    pub(crate) async fn deliver(&self, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
        batch::work(messages, |message| self.deliver_one(message, deadline)).await
    }

    async fn deliver_one(&self, message: &SqsMessage, deadline: SystemTime) -> Left {
        let id = match DueQueue::read(message.body.as_deref().unwrap_or_default()) {
            Ok(id) => id,
            Err(error) => {
                error.log();
                return self.leave(message, batch::UNREADABLE).await;
            }
        };
        let seconds = match deadline::before(deadline, self.deliverer.deliver(id)).await {
            Ok(Delivered::Done) => return Left::Nothing,
            Ok(Delivered::NotYet(due)) => {
                tracing::warn!(%id, "a message arrived before its notification is due; it is delivered again then");
                batch::until(due, clock::now())
            }
            Err(error) => self.failed(id, message, &error).await,
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

    /// The pause before the next try of a notification that could not be delivered, in seconds.
    async fn failed(&self, id: ScheduleId, message: &SqsMessage, error: &Error) -> i32 {
        error.log();
        let times = batch::times_received(message);
        if times >= QUEUE_TRIES {
            // The queue gives it away when it would be received once more.
            tracing::error!(%id, "a notification could not be delivered; its message goes to the dead-letter queue");
            if let Err(error) = self.deliverer.give_up(id).await {
                error.log();
            }
            return 1;
        }
        batch::pause(times)
    }
}
