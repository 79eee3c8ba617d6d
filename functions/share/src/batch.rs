//! The batches of the shares queues.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsMessage;
use shared::actions::Sharer;
use shared::aws::queue::SharesQueue;
use shared::batch::{Consumer, Left};
use shared::domain::share::Share;
use shared::error::Error;
use tokio::time::Instant;

/// Serves the shares that messages name.
pub(crate) struct Shares {
    pub(crate) sharer: Sharer,
    pub(crate) queue: SharesQueue,
}

impl Consumer for Shares {
    type Message = Share;

    fn read(&self, body: &str) -> Result<Share, Error> {
        SharesQueue::read(body)
    }

    async fn work(&self, share: &Share, _: &SqsMessage, deadline: SystemTime) -> Result<Left, Error> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        self.sharer.serve(share, Instant::now() + left).await.map(|()| Left::Nothing)
    }

    async fn come_again(&self, received: &SqsMessage, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.queue.come_again(received.event_source_arn.as_deref(), receipt_handle, seconds).await
    }
}
