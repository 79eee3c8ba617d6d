//! The shares queue's batches.

use std::time::SystemTime;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsMessage};
use shared::actions::Sharer;
use shared::aws::queue::SharesQueue;
use shared::batch::{self, Left};
use shared::deadline;

/// Takes the queue's batches.
pub(crate) struct Batches {
    pub(crate) sharer: Sharer,
    pub(crate) queue: SharesQueue,
}

impl Batches {
    /// Serves the segments that the messages name, and answers with the messages to deliver once more.
    pub(crate) async fn serve(&self, messages: &[SqsMessage], deadline: SystemTime) -> SqsBatchResponse {
        batch::work(messages, |message| self.serve_one(message, deadline)).await
    }

    async fn serve_one(&self, message: &SqsMessage, deadline: SystemTime) -> Left {
        let share = match SharesQueue::read(message.body.as_deref().unwrap_or_default()) {
            Ok(share) => share,
            Err(error) => {
                error.log();
                return self.leave(message, batch::UNREADABLE).await;
            }
        };
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let until = tokio::time::Instant::now() + left;
        let Err(error) = deadline::before(deadline, self.sharer.serve(&share, until)).await else {
            return Left::Nothing;
        };
        error.log();
        let seconds = batch::pause(batch::times_received(message));
        self.leave(message, seconds).await
    }

    /// Returns a message to its queue for so many seconds.
    async fn leave(&self, message: &SqsMessage, seconds: i32) -> Left {
        if let Some(handle) = &message.receipt_handle
            && let Err(error) = self.queue.come_again(message.event_source_arn.as_deref(), handle, seconds).await
        {
            error.log();
        }
        Left::In(seconds)
    }
}
