//! The states of a scheduled notification.

use serde::{Deserialize, Serialize};

/// Whether a scheduled notification is still to be sent, as its row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is, or it was.
    Scheduled,
    /// Somebody has cancelled it.
    Cancelled,
    /// It could not be sent.
    Failed,
}

impl Stage {
    /// The word in the row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// The state of a notification, in the API's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It will be sent.
    Scheduled,
    /// Every channel's log has it.
    Sent,
    /// It will not be sent to the channels that do not have it.
    Cancelled,
    /// It could not be sent to the channels that do not have it. An operator can have it tried again.
    Failed,
}
