//! Makes attempts at endpoints: the function of their queues.

mod batch;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::{Attempter, Parts};
use shared::aws::clients;
use shared::aws::deliveries::Deliveries;
use shared::aws::long_waits::LongWaits;
use shared::aws::queue::{DueQueue, EndpointDeadLetters, EndpointQueues};
use shared::aws::schedule::Schedule;
use shared::aws::slow::SlowEndpoints;
use shared::settings::{self, EndpointsSettings, ScheduleSettings, TransportSettings};
use shared::transports::Transport;
use shared::wiring;

use batch::Attempts;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let (queues, once_table) = (EndpointQueues::new(&clients, EndpointsSettings::from_env()?), settings::once_table()?);
    let parts = Parts {
        subscribers: wiring::subscribers(&clients)?,
        deliveries: Deliveries::new(&clients, table.clone()),
        schedule: Schedule::new(&clients, table),
        log: wiring::log(&clients)?,
        queues: queues.clone(),
        dead_letters: EndpointDeadLetters::new(&clients, settings::endpoint_dead_letters()?),
        slow: SlowEndpoints::new(&clients, once_table.clone()),
        long_waits: LongWaits::new(&clients, once_table, settings::endpoint_concurrency()?),
        due: DueQueue::new(&clients, queue),
    };
    let transport = Transport::new(&clients, settings::kinds()?, TransportSettings::from_env()?);
    let consumer = Attempts { attempter: Attempter::new(parts, transport), queues };
    lambda_runtime::run(service_fn(|event| attempt(&consumer, event))).await
}

async fn attempt(consumer: &Attempts, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    Ok(shared::batch::consume(consumer, &event.payload.records, event.context.deadline()).await)
}
