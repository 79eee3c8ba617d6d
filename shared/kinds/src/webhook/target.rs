//! The target of a webhook.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A webhook, as its owner asks for it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// The URL to post to.
    pub url: String,
}

/// Shows nothing: many URLs of webhooks have a secret in them.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Webhook(…)")
    }
}
