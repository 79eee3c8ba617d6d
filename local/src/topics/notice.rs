//! A message to a topic, a device or a phone.

use serde_json::{Map, Value};

/// A message as its publisher gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// The subject.
    pub(crate) subject: Option<String>,
    /// The text.
    pub(crate) message: String,
    /// The publisher's attributes: `{"name": {"Type", "Value"}}`.
    pub(crate) attributes: Map<String, Value>,
}
