//! A message to a phone or an address.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The way of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// To a platform endpoint.
    MobilePush,
    /// To a phone number.
    Sms,
    /// To an e-mail address.
    Email,
}

impl Kind {
    /// The word for it in the control API.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::MobilePush => "mobile_push",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// The platform of a push.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Platform {
    /// Such as `APNS` or `GCM`.
    pub(crate) name: String,
    /// The platform application's name.
    pub(crate) application: String,
    /// The platform's token of the device.
    pub(crate) token: String,
}

/// A message that left the stack.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OutboxMessage {
    /// The time, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The way of the message.
    pub(crate) kind: Kind,
    /// The message id that its sender got.
    pub(crate) message_id: String,
    /// An endpoint's ARN, a phone number, or addresses with commas between them.
    pub(crate) destination: String,
    /// The platform, if it is a push.
    pub(crate) platform: Option<Platform>,
    /// The sender of an e-mail.
    pub(crate) from: Option<String>,
    /// The subject.
    pub(crate) subject: Option<String>,
    /// The text: the payload for the platform, or an e-mail's text.
    pub(crate) message: String,
    /// The HTML of an e-mail.
    pub(crate) html: Option<String>,
    /// The attributes, or an e-mail's headers.
    pub(crate) attributes: Map<String, Value>,
    /// The request that sent it.
    pub(crate) request: Value,
}

impl OutboxMessage {
    /// A message of this moment, with nothing but these fields.
    pub(crate) fn now(kind: Kind, message_id: String, destination: String, message: String) -> Self {
        Self {
            at_ms: Timestamp::now().as_millisecond(),
            kind,
            message_id,
            destination,
            platform: None,
            from: None,
            subject: None,
            message,
            html: None,
            attributes: Map::new(),
            request: Value::Null,
        }
    }
}
