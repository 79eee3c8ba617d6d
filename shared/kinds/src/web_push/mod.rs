//! The kind `web_push`: a browser, through the push service of its maker.
//!
//! - [`Subscription`] is what the browser gave its page, and the page gave us (Push API of the W3C).
//! - `payload` is what its service worker gets, cut to what push services take.
//! - `encryption` hides it from the push service (RFC 8291), [`VapidKeys`] tell the service whose it is (RFC 8292).
//! - `message` puts these into one request (RFC 8030), and `answer` reads the status.

mod answer;
mod encryption;
mod message;
mod payload;
mod subscription;
mod target;
mod vapid;

pub use answer::meaning;
pub use subscription::{Auth, PublicKey, PushUrl, Subscription, SubscriptionKeys};
pub use target::{Settings, WebPush};
pub use vapid::{InvalidKeys, SignedToken, VapidKeys, origin};

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::kind::{Given, Kind, switched_on};
use crate::message::{Message, NoMessage};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::url::{PublicUrl, UrlRules};

impl Kind for WebPush {
    type Settings = Settings;

    fn settings(variables: Variables) -> Result<Settings, InvalidSetting> {
        Settings::read(variables)
    }

    fn parse(fields: Map<String, Value>, urls: &UrlRules, settings: &Settings) -> Result<Self, Refusal> {
        switched_on(settings.public_key.is_some(), "VapidPublicKey")?;
        let web_push: Self = request::fields(fields)?;
        PublicUrl::parse(web_push.place(), urls).map_err(|wrong| Refusal {
            field: Some("subscription.endpoint".to_owned()),
            detail: wrong.detail.replacen("`url`", "`subscription.endpoint`", 1),
            ..wrong
        })?;
        Ok(web_push)
    }

    fn place(&self) -> &str {
        self.subscription.endpoint.as_url().as_str()
    }

    fn message(&self, delivery: &OutgoingDelivery<'_>, given: &Given<'_>, _: &Settings) -> Result<Message, NoMessage> {
        message::message(&self.subscription, delivery, given.urls)
    }

    fn is_posted_to(&self) -> bool {
        true
    }

    fn shows_unread(&self) -> bool {
        true
    }

    /// A browser's keys: only the browser needs them.
    fn hidden(&self) -> &'static [(&'static str, &'static str)] {
        &[("/subscription", "keys")]
    }
}
