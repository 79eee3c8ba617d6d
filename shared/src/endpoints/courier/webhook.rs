//! A webhook: one item in JSON, signed.

use std::fmt::Write as _;

use bytes::Bytes;
use domain::channel::Channel;
use domain::time::Millis;
use sha2::{Digest as _, Sha256};

use super::{Courier, Made, Outcome, wish};
use crate::endpoints::parcel::Parcel;
use crate::endpoints::target::Webhook;
use crate::endpoints::url::PublicUrl;
use crate::endpoints::webhook::{Meaning, Secret, headers, meaning};
use crate::error::Error;

pub(super) async fn attempt(
    courier: &Courier,
    target: &Webhook,
    secrets: &[&Secret],
    parcel: &Parcel<'_>,
    now: Millis,
) -> Result<Made, Error> {
    // What was allowed when it was added need not be now.
    let Ok(url) = PublicUrl::parse(&target.url, &courier.kinds.urls) else {
        return Ok(Made::because(Outcome::Hindered, "forbidden_url"));
    };
    let body = Bytes::from(body(parcel));
    let headers = headers(&message_id(parcel.channel, parcel.id), now.seconds(), &body, secrets)
        .map_err(|error| Error::Failed { call: "sign a webhook", cause: error.to_string() })?;
    let answer = match courier.client.get().await?.post(&url, headers, body).await {
        Ok(answer) => answer,
        Err(unreachable) => return Ok(Made::unreachable(unreachable)),
    };
    let outcome = match meaning(answer.status, answer.retry_after_seconds) {
        Meaning::Delivered => Outcome::Delivered,
        Meaning::Gone => Outcome::Gone,
        Meaning::Failed { retry_after_seconds } => Outcome::Failed { wish: wish(retry_after_seconds) },
    };
    Ok(Made::answered(outcome, answer))
}

/// The item as every reader has it, behind its channel.
fn body(parcel: &Parcel<'_>) -> String {
    format!("{{\"channel\":\"{}\",{}", parcel.channel, parcel.item.trim_start_matches('{'))
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
