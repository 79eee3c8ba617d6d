//! Sends what has become due: the function of the due queue.

mod batch;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::{Deliverer, FanOut};
use shared::aws::clients;
use shared::aws::log::Log;
use shared::aws::management::Management;
use shared::aws::queue::DueQueue;
use shared::aws::schedule::Schedule;
use shared::aws::subscribers::Subscribers;
use shared::settings::{self, LogSettings, ScheduleSettings};

use batch::Batches;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let config = clients::load().await;
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let queue = DueQueue::new(&config, queue);
    let subscribers = Subscribers::new(&config, settings::subscribers_table()?);
    let fan_out = FanOut::new(subscribers, Management::new(&config, settings::management_endpoint()?));
    let log = Log::new(&config, LogSettings::from_env()?);
    let deliverer = Deliverer::new(Schedule::new(&config, table), queue.clone(), log, fan_out);
    let batches = Batches { deliverer, queue };
    lambda_runtime::run(service_fn(|event| deliver(&batches, event))).await
}

async fn deliver(batches: &Batches, event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, lambda_runtime::Error> {
    Ok(batches.deliver(event.payload.records, event.context.deadline()).await)
}
