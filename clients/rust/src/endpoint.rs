//! Endpoints: where a channel's notifications go besides to live connections.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel::Channel;

/// An endpoint to add. `Debug` shows nothing of it: addresses, numbers and many URLs are nobody else's business.
#[derive(Clone, PartialEq, Serialize)]
pub struct NewEndpoint {
    /// Its kind and its address.
    #[serde(flatten)]
    pub target: Target,
    /// Only notifications that matter this much go there: `low`, `normal` or `high`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_priority: Option<String>,
    /// Only notifications that no live connection took go there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_when_offline: bool,
}

/// The kind and the address of an endpoint.
#[derive(Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Target {
    /// A server.
    Webhook {
        /// Where notifications are posted to, over https.
        url: String,
    },
    /// A browser.
    WebPush {
        /// The result of its `PushSubscription.toJSON()`.
        subscription: Value,
    },
    /// An application on a phone.
    MobilePush {
        /// The ARN of an SNS platform endpoint.
        target_arn: String,
    },
    /// A phone.
    Sms {
        /// Its number, in the form `+4915112345678`.
        phone: String,
    },
    /// A mailbox.
    Email {
        /// Its address.
        address: String,
    },
    /// A kind that this client does not know by name.
    #[serde(untagged)]
    Other {
        /// Its name.
        kind: String,
        /// Its own fields.
        #[serde(flatten)]
        fields: Map<String, Value>,
    },
}

impl fmt::Debug for NewEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewEndpoint(…)")
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Target(…)")
    }
}

/// An endpoint as it stands. `Debug` shows its id and state only.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its id, which is good in its channel only.
    pub id: String,
    /// The channel whose notifications go there.
    pub channel: Channel,
    /// The `sub` of the user who added it.
    pub owner: String,
    /// `webhook`, `web_push`, `mobile_push`, `sms` or `email`.
    pub kind: String,
    /// `active`; `failing` if it has taken nothing lately; `disabled` if it has for too long.
    pub state: String,
    /// As RFC 3339 in UTC, like all times here.
    pub created_at: String,
    /// Only notifications that matter this much go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_priority: Option<String>,
    /// Only notifications that no live connection took go there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_when_offline: bool,
    /// Since when it has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// When it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// The secret that signs its notifications. Only the answer that made it has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before counts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<String>,
    /// The last attempts, newest first. Only where one endpoint is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
    /// Where it is: the kind's own fields, such as a webhook's `url`.
    #[serde(flatten)]
    pub target: Map<String, Value>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("id", &self.id).field("state", &self.state).finish_non_exhaustive()
    }
}

/// The result of one attempt to reach an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: String,
    /// The notification's place in the channel's log.
    pub seq: u64,
    /// The how many-th attempt with this notification it was, from 1.
    pub attempt: u32,
    /// `delivered`, `failed`, `gone`, `refused` or `put_off`.
    pub outcome: String,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was none, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its duration, in milliseconds.
    pub latency_ms: u64,
    /// The first characters of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// The notifications that one call sends to an endpoint again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayResponse {
    /// Their number.
    pub queued: u64,
    /// Where it began: not before the endpoint was added. `None` from a stack that does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The seq up to which this call went through the log.
    pub seq: u64,
    /// Whether there is more behind it.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_log_shows_where_an_endpoint_is_or_what_it_is_signed_with() {
        let target = Target::Webhook { url: "https://a.example/hush".to_owned() };
        let new = NewEndpoint { target, min_priority: None, only_when_offline: false };
        let known: Endpoint = serde_json::from_str(
            r#"{"id": "e", "channel": "user:a", "owner": "a", "kind": "webhook", "url": "https://a.example/hush",
                "state": "active", "created_at": "2026-11-22T20:00:00.000Z", "secret": "hush"}"#,
        )
        .unwrap();
        let shown = format!("{new:?} {:?} {known:?}", new.target);
        assert!(!shown.contains("hush"), "{shown}");
    }
}
