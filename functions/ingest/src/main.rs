//! Sends what is published to the bundle's topic: the function of the inbound SNS topic.

use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::{FanOut, Ingester, Scheduler, Sender};
use shared::aws::clients;
use shared::aws::log::Log;
use shared::aws::management::Management;
use shared::aws::once::Onces;
use shared::aws::queue::DueQueue;
use shared::aws::schedule::Schedule;
use shared::aws::subscribers::Subscribers;
use shared::deadline;
use shared::domain::inbound::Inbound;
use shared::error::Error;
use shared::settings::{self, LogSettings, ScheduleSettings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let config = clients::load().await;
    let subscribers = Subscribers::new(&config, settings::subscribers_table()?);
    let fan_out = FanOut::new(subscribers, Management::new(&config, settings::management_endpoint()?));
    let onces = Onces::new(&config, settings::once_table()?);
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let scheduler = Scheduler::new(Schedule::new(&config, table), DueQueue::new(&config, queue), onces.clone());
    let log = Log::new(&config, LogSettings::from_env()?);
    let sender = Sender::new(log, onces, fan_out, scheduler);
    let ingester = Ingester::new(sender, settings::inbound_channel()?);
    lambda_runtime::run(service_fn(|event| ingest(&ingester, event))).await
}

/// An error has Lambda try again, and in the end keep the event in the dead-letter queue.
async fn ingest(ingester: &Ingester, event: LambdaEvent<SnsEvent>) -> Result<(), lambda_runtime::Error> {
    let deadline = event.context.deadline();
    for record in event.payload.records {
        let inbound = inbound(record.sns);
        let sent = deadline::before(deadline, ingester.ingest(&inbound)).await;
        sent.map_err(|error| format!("message {} is not sent: {}", inbound.id, cause(&error)))?;
    }
    Ok(())
}

/// A refusal without its detail, which may repeat what was published: that stands in the dead letter.
fn cause(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => match &refusal.field {
            Some(field) => format!("{} `{field}`", refusal.code.as_str()),
            None => refusal.code.as_str().to_owned(),
        },
        error => error.to_string(),
    }
}

fn inbound(mut message: SnsMessage) -> Inbound {
    let channel = message.message_attributes.remove("channel").map(|attribute| attribute.value);
    Inbound { id: message.message_id, subject: message.subject, text: message.message, channel }
}
