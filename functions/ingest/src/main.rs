//! Sends what is published to the bundle's topic: the function of the inbound SNS topic.

use aws_lambda_events::sns::{SnsEvent, SnsMessage};
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use shared::actions::Ingester;
use shared::aws::clients;
use shared::deadline;
use shared::domain::inbound::Inbound;
use shared::error::Error;
use shared::settings;
use shared::wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = clients::load().await?;
    let sender = wiring::sender(&clients, wiring::log(&clients)?, wiring::management(&clients)?)?;
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

/// Why a message is not sent, without what was published: that stands in the dead letter.
fn cause(error: &Error) -> String {
    match error {
        Error::Refused(refusal) => refusal.logged(),
        error => error.to_string(),
    }
}

fn inbound(mut message: SnsMessage) -> Inbound {
    let channel = message.message_attributes.remove("channel").map(|attribute| attribute.value);
    Inbound { id: message.message_id, subject: message.subject, text: message.message, channel }
}
