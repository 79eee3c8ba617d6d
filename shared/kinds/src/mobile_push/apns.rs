//! The message to Apple's service (Apple: "Generating a remote notification" and "Sending notification requests to APNs").

use domain::channel::Channel;
use domain::data::Data;
use domain::seq::Seq;
use serde::Serialize;

use super::message::{Load, collapse_id, wakes};
use crate::outgoing_delivery::OutgoingDelivery;

#[derive(Serialize)]
struct Payload<'a> {
    aps: Aps<'a>,
    channel: &'a Channel,
    seq: Seq,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Data>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// The part that the phone itself reads: something to show, or that the application is to be woken and nothing shown. The second
/// may have nothing beside it, or it would be shown after all.
#[derive(Serialize)]
#[serde(untagged)]
enum Aps<'a> {
    #[serde(rename_all = "kebab-case")]
    Alert {
        alert: Alert<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        badge: Option<u64>,
        thread_id: &'a Channel,
    },
    #[serde(rename_all = "kebab-case")]
    Silent { content_available: u8 },
}

#[derive(Serialize)]
struct Alert<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}

pub(super) fn text(load: &Load<'_>) -> String {
    let Load { delivery, shown, data, cut } = load;
    let aps = if delivery.is_readable() {
        let alert = Alert { title: shown.title.as_deref(), body: shown.body.as_deref() };
        Aps::Alert { alert, badge: delivery.unread, thread_id: delivery.channel }
    } else {
        Aps::Silent { content_available: 1 }
    };
    let OutgoingDelivery { channel, seq, id, .. } = **delivery;
    let payload = Payload { aps, channel, seq, id, url: shown.url.as_deref(), data: *data, cut: *cut };
    // Strings, numbers and JSON values have no way to fail.
    serde_json::to_string(&payload).unwrap_or_default()
}

/// The request's headers, which SNS sets from attributes. A silent push may not wake the phone, whatever the publisher wants.
pub(super) fn attributes(delivery: &OutgoingDelivery<'_>) -> Vec<(&'static str, String)> {
    let push_type = if delivery.is_readable() { "alert" } else { "background" };
    let priority = if delivery.is_readable() && wakes(delivery) { "10" } else { "5" };
    let mut attributes = vec![
        ("AWS.SNS.MOBILE.APNS.PUSH_TYPE", push_type.to_owned()),
        ("AWS.SNS.MOBILE.APNS.PRIORITY", priority.to_owned()),
    ];
    attributes.extend(collapse_id(delivery).map(|id| ("AWS.SNS.MOBILE.APNS.COLLAPSE_ID", id)));
    attributes
}
