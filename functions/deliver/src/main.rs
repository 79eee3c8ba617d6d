//! Sends what has become due: the function of the due queue.

mod batch;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::Deliverer;
use shared::aws::clients;
use shared::aws::queue::{DueQueue, EndpointQueues};
use shared::aws::schedule::Schedule;
use shared::settings::{EndpointsSettings, ScheduleSettings};
use shared::wiring;

use batch::Due;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let queue = DueQueue::new(&clients, queue);
    let endpoints = EndpointQueues::new(&clients, EndpointsSettings::from_env()?);
    let schedule = Schedule::new(&clients, table);
    let (log, fan_out) = (wiring::log(&clients)?, wiring::fan_out(&clients, wiring::management(&clients)?)?);
    let deliverer = Deliverer::new(schedule, queue.clone(), endpoints, log, fan_out);
    let consumer = Due { deliverer, queue };
    lambda_runtime::run(service_fn(|event| deliver(&consumer, event))).await
}

async fn deliver(consumer: &Due, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    Ok(shared::batch::consume(consumer, &event.payload.records, event.context.deadline()).await)
}
