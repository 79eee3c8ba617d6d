//! Hands on what becomes due: the function of the schedule, every minute.

mod metrics;

use std::time::{Duration, SystemTime};

use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::Value;
use shared::actions::Sweeper;
use shared::aws::clients;
use shared::aws::queue::DueQueue;
use shared::aws::schedule::Schedule;
use shared::domain::time::Millis;
use shared::settings::ScheduleSettings;
use tokio::time::Instant;

/// The time that a sweep leaves when it stops, for the calls under way and for storing its progress.
const RESERVE: Duration = Duration::from_secs(15);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let sweeper = Sweeper::new(Schedule::new(&clients, table), DueQueue::new(&clients, queue));
    lambda_runtime::run(service_fn(|event| sweep(&sweeper, event))).await
}

/// A sweep that comes late, or twice, does what is to be done then. Of the event only its time counts: no sweep is later than that
/// allows, whatever this machine's clock says.
async fn sweep(sweeper: &Sweeper, event: LambdaEvent<Value>) -> Result<(), lambda_runtime::Error> {
    let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
    let fired_at = event.payload["time"].as_str().and_then(|time| Millis::from_rfc3339(time).ok());
    let swept = sweeper.sweep(fired_at, Instant::now() + left.saturating_sub(RESERVE)).await?;
    metrics::write(&swept, &event.context.env_config.function_name);
    Ok(())
}
