//! A notification as readers see it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A notification of one channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its place in the channel's log. Missing if it was sent with `store: false`: then it is in no log, and nobody
    /// promises that it comes, or comes once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Its id, the same in every channel that it was sent to.
    #[serde(default)]
    pub id: String,
    /// When it was accepted, as RFC 3339 in UTC.
    #[serde(default)]
    pub sent_at: String,
    /// A line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Where a click leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Anything that the publisher and the application agreed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// Every other field, such as `priority` and `collapse_key`, as it came.
    #[serde(flatten)]
    pub other: Map<String, Value>,
    /// The whole notification as it came, if this client cannot read it (`data` nested too deep, a number out of
    /// range, a field of another type). Then nothing else is set but `seq`.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// The fields that even an unreadable notification must have.
#[derive(Deserialize)]
struct SeqField {
    seq: Option<u64>,
}

impl Item {
    /// Reads a notification. What is in it is the publisher's choice, so one that cannot be read has a place in the
    /// order all the same, and is handed on as it came.
    ///
    /// # Errors
    /// Not even its place can be read.
    pub(crate) fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text).or_else(|_| {
            let SeqField { seq } = serde_json::from_str(text)?;
            Ok(Self { seq, raw: Some(text.to_owned()), ..Self::default() })
        })
    }
}
