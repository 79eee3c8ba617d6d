//! The stored form of an application and of an endpoint.

use serde::{Deserialize, Serialize};

use crate::store::Kept;

/// A platform application. Its credentials are not kept, because nothing is sent to the platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Application {
    pub(super) number: u64,
    pub(super) arn: String,
    pub(super) platform: String,
    pub(super) name: String,
}

/// A device that is registered with an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    pub(super) number: u64,
    /// The ARN that callers name it by.
    pub(crate) arn: String,
    /// The name of its application.
    pub(crate) application: String,
    /// Such as `APNS` or `GCM`.
    pub(crate) platform: String,
    /// The platform's token of the device.
    pub(crate) token: String,
    /// The owner's note about it; empty if there is none.
    pub(crate) user_data: String,
    /// Whether anything is sent to it.
    pub(crate) enabled: bool,
}

impl Endpoint {
    /// Whether it belongs to this application.
    pub(super) fn is_of(&self, platform: &str, application: &str) -> bool {
        self.platform == platform && self.application == application
    }
}

/// A line's content in the file of both.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Record {
    Application(Application),
    Endpoint(Endpoint),
}

impl Kept for Record {
    fn number(&self) -> u64 {
        match self {
            Self::Application(application) => application.number,
            Self::Endpoint(endpoint) => endpoint.number,
        }
    }
}
