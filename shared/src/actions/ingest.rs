//! Sending what came in over a topic.

use domain::channel::{Channel, Sub};
use domain::claims::Claims;
use domain::inbound::Inbound;
use domain::pattern::Pattern;
use domain::send::IdempotencyKey;
use domain::time::Seconds;

use super::{SendResponse, Sender};
use crate::error::Error;

/// Sends a topic's messages.
#[derive(Clone, Debug)]
pub struct Ingester {
    sender: Sender,
    /// Where a message goes that names no channel.
    default: Channel,
    publisher: Claims,
}

impl Ingester {
    /// Sends through `sender`, and to `default` what names no channel. Every publisher to the topic can send to every channel:
    /// the topic's policy decides who may publish.
    #[must_use]
    pub fn new(sender: Sender, default: Channel) -> Self {
        let publisher = Claims {
            sub: Sub::sns(),
            exp: Seconds::NEVER,
            subscribe: Vec::new(),
            publish: vec![Pattern::all()],
            channels: Vec::new(),
        };
        Self { sender, default, publisher }
    }

    /// Sends a message. In each further delivery it is the same notification.
    ///
    /// # Errors
    /// The message is no valid notification, or it could not be sent: it has to be delivered again.
    pub async fn ingest(&self, inbound: &Inbound) -> Result<SendResponse, Error> {
        let send = inbound.to_send(self.default.as_str())?;
        let key = IdempotencyKey::parse(&inbound.id, "MessageId")?;
        // What is not stored takes no key, and promises nothing.
        self.sender.send(&self.publisher, &send, send.store.then_some(&key)).await
    }
}
