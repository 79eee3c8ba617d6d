//! Something that was sent to a phone or an address.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// How something was sent.
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

/// The platform that a push goes to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Platform {
    /// Such as `APNS` or `GCM`.
    pub(crate) name: String,
    /// The platform application's name.
    pub(crate) application: String,
    /// What the platform knows the device by.
    pub(crate) token: String,
}

/// Something that was sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// How.
    pub(crate) kind: Kind,
    /// What its sender was answered.
    pub(crate) message_id: String,
    /// An endpoint's ARN, a phone number, or addresses with commas between them.
    pub(crate) destination: String,
    /// Which platform, if it is a push.
    pub(crate) platform: Option<Platform>,
    /// Who an e-mail is from.
    pub(crate) from: Option<String>,
    /// What it is about.
    pub(crate) subject: Option<String>,
    /// What it says there: what the message has for this platform, or an e-mail's text.
    pub(crate) message: String,
    /// What an e-mail says in HTML.
    pub(crate) html: Option<String>,
    /// What its sender says about it: attributes, or an e-mail's headers.
    pub(crate) attributes: Map<String, Value>,
    /// The request that it came with.
    pub(crate) request: Value,
}

impl Sent {
    /// Something that is sent now, and says nothing yet but this.
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
