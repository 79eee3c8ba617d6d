//! The content of a notification.

use serde::{Deserialize, Serialize};

use super::data::Data;

/// The most characters of a collapse key (what APNs takes as `apns-collapse-id`, in bytes).
const MAX_COLLAPSE_KEY: usize = 64;

/// The publisher's part of a notification. At least one of `title`, `body` and `data` is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Content {
    /// A line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A few sentences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Where a click leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Anything for the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Data>,
    /// Its priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Of all with the same key, a reader wants only the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collapse_key: Option<CollapseKey>,
}

/// The priority of a notification. Left out, it is normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Priority {
    /// Can wait.
    Low,
    /// As most.
    Normal,
    /// Cannot wait.
    High,
}

impl TryFrom<String> for Priority {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "low" => Ok(Self::Low),
            "normal" => Ok(Self::Normal),
            "high" => Ok(Self::High),
            _ => Err("a priority is `low`, `normal` or `high`"),
        }
    }
}

/// 1 to 64 characters that several notifications have in common.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct CollapseKey(String);

impl CollapseKey {
    /// The key as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CollapseKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if (1..=MAX_COLLAPSE_KEY).contains(&text.chars().count()) {
            return Ok(Self(text));
        }
        Err(format!("a collapse key has 1 to {MAX_COLLAPSE_KEY} characters"))
    }
}
