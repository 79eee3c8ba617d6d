//! The message to Amazon Device Messaging (Amazon: "Send a Message"). It shows nothing by itself: all goes to the application.

use domain::channel::Channel;
use serde::Serialize;

use super::message::{Load, collapse_id, ttl};

/// A notification for the application, where a platform has nothing but strings.
#[derive(Serialize)]
pub(super) struct Strings<'a> {
    channel: &'a Channel,
    seq: String,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    /// In JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'static str>,
}

impl<'a> Strings<'a> {
    pub(super) fn of(load: &Load<'a>) -> Self {
        Self {
            channel: load.delivery.channel,
            seq: load.delivery.seq.to_string(),
            id: load.delivery.id,
            url: load.shown.url.as_deref(),
            data: load.data.map(ToString::to_string),
            cut: load.cut.then_some("true"),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    data: Readable<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consolidation_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_after: Option<i64>,
}

#[derive(Serialize)]
struct Readable<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<String>,
    #[serde(flatten)]
    strings: Strings<'a>,
}

pub(super) fn text(load: &Load<'_>) -> String {
    let data = Readable {
        title: load.shown.title.as_deref(),
        body: load.shown.body.as_deref(),
        unread: load.delivery.unread.map(|unread| unread.to_string()),
        strings: Strings::of(load),
    };
    let payload = Payload { data, consolidation_key: collapse_id(load.delivery), expires_after: ttl(load.delivery) };
    // Strings and numbers have no way to fail.
    serde_json::to_string(&payload).unwrap_or_default()
}
