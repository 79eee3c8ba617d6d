//! The target of Web Push.

use serde::{Deserialize, Serialize};

use super::Subscription;
use crate::settings::{InvalidSetting, Variables};

/// A browser, as its page asks for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebPush {
    /// The subscription that the browser has made.
    pub subscription: Subscription,
}

/// The settings of Web Push.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The public key; none where the kind is off.
    pub public_key: Option<String>,
}

impl Settings {
    pub(super) fn read(variables: Variables) -> Result<Self, InvalidSetting> {
        Ok(Self { public_key: variables.optional("VAPID_PUBLIC_KEY") })
    }
}
