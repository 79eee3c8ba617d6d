//! Serves segments of large audiences: the function of the queues of segments.

mod batch;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::SegmentServer;
use shared::aws::clients;
use shared::aws::queue::SegmentsQueue;
use shared::settings::{RateSettings, SegmentsSettings};
use shared::wiring;

use batch::Shares;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let queue = SegmentsQueue::new(&clients, SegmentsSettings::from_env()?);
    let (subscribers, management) = (wiring::subscribers(&clients)?, wiring::management(&clients)?);
    let server =
        SegmentServer::new(subscribers, management, queue.clone(), wiring::log(&clients)?, RateSettings::from_env()?);
    let consumer = Shares { server, queue };
    lambda_runtime::run(service_fn(|event| serve(&consumer, event))).await
}

async fn serve(consumer: &Shares, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    Ok(shared::batch::consume(consumer, &event.payload.records, event.context.deadline()).await)
}
