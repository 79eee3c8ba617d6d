//! A message to a topic, a device or a phone.

use serde_json::{Map, Value};

/// A message as its publisher gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// What it is about.
    pub(crate) subject: Option<String>,
    /// What it says.
    pub(crate) message: String,
    /// What its publisher says about it: `{"name": {"Type", "Value"}}`.
    pub(crate) attributes: Map<String, Value>,
}
