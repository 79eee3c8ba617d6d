//! The message to a phone's application.
//!
//! SNS takes one JSON object with a text for each platform, and message attributes for what does not go into the
//! text (AWS: Amazon SNS Developer Guide, "Publishing Amazon SNS notifications with platform-specific payloads"). An endpoint
//! has one platform, so that its message has that one's text and the required `default`.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::content::Priority;
use domain::data::Data;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::target::Platform;
use super::{adm, apns, fcm};
use crate::message::MobilePushMessage;
use crate::outgoing_delivery::OutgoingDelivery;
use crate::shown::ReadableText;

/// The most bytes of a text: what APNs and FCM take; ADM would take half as much again.
pub(super) const LONGEST: usize = 4096;

/// The longest that SNS keeps trying, in seconds: four weeks.
const LONGEST_TTL: i64 = 28 * 24 * 60 * 60;

impl MobilePushMessage {
    /// The push that tells a phone of a notification. One that has nothing for a person to read is handed to the
    /// application without a sign of it.
    #[must_use]
    pub fn of(platform: Platform, delivery: &OutgoingDelivery<'_>) -> Self {
        let text = fit(delivery, |load| match platform {
            Platform::Apns | Platform::ApnsSandbox => apns::text(load),
            Platform::Gcm => fcm::text(load),
            Platform::Adm => adm::text(load),
        });
        let mut attributes = match platform {
            Platform::Apns | Platform::ApnsSandbox => apns::attributes(delivery),
            Platform::Gcm | Platform::Adm => Vec::new(),
        };
        attributes.extend(ttl(delivery).map(|ttl| (platform.ttl_attribute(), ttl.to_string())));
        Self { message: message(platform, text, delivery), attributes }
    }
}

fn message(platform: Platform, text: String, delivery: &OutgoingDelivery<'_>) -> String {
    let default = delivery.title().or(delivery.body()).map_or_else(|| cursor(delivery), ToOwned::to_owned);
    let texts = [("default", default), (platform.as_str(), text)];
    Value::Object(texts.into_iter().map(|(key, text)| (key.to_owned(), text.into())).collect::<Map<_, _>>()).to_string()
}

/// A notification as far as it goes into one text.
#[derive(Debug)]
pub(super) struct Load<'a> {
    pub(super) delivery: &'a OutgoingDelivery<'a>,
    pub(super) shown: &'a ReadableText,
    pub(super) data: Option<&'a Data>,
    /// Whether something was left out; the whole is in the log, at the notification's seq.
    pub(super) cut: bool,
}

/// The text with as much of the notification as it takes: `data` goes first, as a whole, since an application that gets half
/// of it is worse off than one that has to ask for it.
fn fit(delivery: &OutgoingDelivery<'_>, text: impl Fn(&Load<'_>) -> String) -> String {
    let whole = ReadableText::of(delivery);
    let complete = text(&Load { delivery, shown: &whole, data: delivery.content.data.as_ref(), cut: false });
    if complete.len() <= LONGEST {
        return complete;
    }
    let cut = |shown: &ReadableText| text(&Load { delivery, shown, data: None, cut: true });
    cut(&whole.fit(|shown| cut(shown).len() <= LONGEST))
}

fn cursor(delivery: &OutgoingDelivery<'_>) -> String {
    format!("{}:{}", delivery.channel, delivery.seq)
}

pub(super) fn ttl(delivery: &OutgoingDelivery<'_>) -> Option<i64> {
    delivery.ttl.map(|seconds| seconds.clamp(1, LONGEST_TTL))
}

/// Whether the phone is woken for it. Unless the publisher says otherwise, it is when there is something to read: so do the
/// platforms themselves.
pub(super) fn wakes(delivery: &OutgoingDelivery<'_>) -> bool {
    match delivery.content.priority {
        Some(Priority::High) => true,
        Some(Priority::Low) => false,
        Some(Priority::Normal) | None => delivery.is_readable(),
    }
}

/// Under which a newer push takes an older one's place, in 43 bytes. A phone may be an endpoint of several channels, whose
/// keys have nothing to do with one another; and a key may have more bytes than APNs takes (64).
pub(super) fn collapse_id(delivery: &OutgoingDelivery<'_>) -> Option<String> {
    let key = delivery.content.collapse_key.as_ref()?;
    // No channel's name has a space.
    Some(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{} {}", delivery.channel, key.as_str()))))
}
