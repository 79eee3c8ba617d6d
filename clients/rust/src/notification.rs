//! A notification to send, and its state afterwards.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel::Channel;

/// A notification to send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// 1 to 25 channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<Channel>,
    /// A line. Of `title`, `body` and `data` one is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Where a click leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Anything for the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// When to send it, as RFC 3339 with an offset; at once if that has passed. It excludes `delay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<String>,
    /// The wait before it is sent, such as `15m`. It excludes `deliver_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// The times of a repeated notification: the five fields of cron, such as `0 9 * * 1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Whose clock `repeat` goes by, such as `Europe/Paris`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The time for which readers see it, such as `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Value>,
    /// Its priority, such as `high`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<String>,
    /// Of all with the same key, a reader wants only the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<String>,
    /// `false` pushes to the connections of this moment, and keeps nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<bool>,
    /// Other fields, for the server to accept or to refuse by name.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The answer to a send: stored in every channel, and pushed or queued; or kept until it is due.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SendResponse {
    /// The notification's id.
    pub id: String,
    /// `sent`, or `scheduled` if it is still to come.
    pub state: String,
    /// When it is sent (with `repeat`, next), as RFC 3339 in UTC, if it is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<String>,
    /// Where it went.
    pub channels: Vec<SentChannel>,
}

/// One channel that a notification was sent to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentChannel {
    /// The channel.
    pub channel: Channel,
    /// Its place in the channel's log; none if it was not stored, or is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Live connections that this call pushed to.
    #[serde(default)]
    pub connections: u64,
    /// Endpoints that it was queued for.
    #[serde(default)]
    pub endpoints: u64,
    /// Whether the rest of a large audience is being served after the answer.
    #[serde(default)]
    pub queued: bool,
}

/// The state of a notification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationState {
    /// Its id.
    pub id: String,
    /// `scheduled`, `sent`, `cancelled` or `failed`.
    pub state: String,
    /// When it is due, or was (with `repeat`, next), as RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<String>,
    /// When it was sent, as RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// When its message went to the dead-letter queue, unless it was tried again since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_lettered_at: Option<String>,
    /// The five fields of cron, if it is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Whose clock `repeat` goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The id of the last one that was sent, if it is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Where it goes, or went.
    pub channels: Vec<ChannelPlace>,
}

/// One channel of a notification, and where it is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelPlace {
    /// The channel.
    pub channel: Channel,
    /// Its place in the channel's log; none before it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}
