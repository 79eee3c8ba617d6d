//! The batches of the queues of segments.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsMessage;
use shared::actions::SegmentServer;
use shared::aws::queue::SegmentsQueue;
use shared::batch::{Consumer, MessageResult};
use shared::domain::segment::SegmentJob;
use shared::error::Error;
use tokio::time::Instant;

/// Serves the segments that messages name.
pub(crate) struct Shares {
    pub(crate) server: SegmentServer,
    pub(crate) queue: SegmentsQueue,
}

impl Consumer for Shares {
    type Message = SegmentJob;

    fn read(&self, body: &str) -> Result<SegmentJob, Error> {
        SegmentsQueue::read(body)
    }

    async fn work(&self, job: &SegmentJob, _: &SqsMessage, deadline: SystemTime) -> Result<MessageResult, Error> {
        let left = deadline.duration_since(SystemTime::now()).unwrap_or_default();
        self.server.serve(job, Instant::now() + left).await.map(|()| MessageResult::Nothing)
    }

    async fn come_again(&self, received: &SqsMessage, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.queue.come_again(received.event_source_arn.as_deref(), receipt_handle, seconds).await
    }
}
