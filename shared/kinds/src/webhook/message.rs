//! The message to a webhook: one item in JSON, signed.

use std::fmt::Write as _;

use domain::channel::Channel;
use sha2::{Digest as _, Sha256};

use super::{Webhook, headers, meaning};
use crate::kind::Given;
use crate::message::{Failed, Message, NoMessage, Post, Request};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::url::PublicUrl;

pub(super) fn message(
    target: &Webhook,
    delivery: &OutgoingDelivery<'_>,
    given: &Given<'_>,
) -> Result<Message, NoMessage> {
    // The settings may have changed since it was added.
    let url = PublicUrl::parse(&target.url, given.urls).map_err(|_| NoMessage::ForbiddenUrl)?;
    let body = body(delivery).into_bytes();
    let headers = headers(&message_id(delivery.channel, delivery.id), given.now.seconds(), &body, given.secrets)
        .map_err(Failed::of("sign a webhook"))?;
    Ok(Request::Post(Post { url, headers, body, vapid: None, meaning }).into())
}

/// The item as every reader has it, behind its channel.
fn body(delivery: &OutgoingDelivery<'_>) -> String {
    format!("{{\"channel\":\"{}\",{}", delivery.channel, delivery.item.trim_start_matches('{'))
}

/// The same for all attempts at a delivery, and another for each channel: a notification has one id in all of them.
fn message_id(channel: &Channel, id: &str) -> String {
    let digest = Sha256::digest(channel.as_str());
    digest[..4].iter().fold(format!("{id}_"), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_one_id_in_each_channel() {
        let channel = |name| Channel::parse(name).unwrap();
        let id = message_id(&channel("user:alice"), "0197f0a0-0000-7000-8000-000000000001");
        assert!(id.starts_with("0197f0a0-0000-7000-8000-000000000001_") && id.len() == 45, "{id}");
        assert_ne!(id, message_id(&channel("user:bob"), "0197f0a0-0000-7000-8000-000000000001"));
        assert!(!id.contains('.'), "a full stop parts what is signed");
    }
}
