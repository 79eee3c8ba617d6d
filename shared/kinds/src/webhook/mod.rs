//! The kind `webhook`: a server of the owner's, which gets each notification as a signed HTTP POST.

mod answer;
pub mod challenge;
mod message;
mod target;

pub use crate::signature::{InvalidId, InvalidSecret, WebhookSecret, headers};
pub use answer::meaning;
pub use target::Webhook;

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::kind::{Given, Kind};
use crate::message::{Message, NoMessage};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::url::{PublicUrl, UrlRules};

impl Kind for Webhook {
    type Settings = ();

    fn settings(_: Variables) -> Result<(), InvalidSetting> {
        Ok(())
    }

    fn parse(fields: Map<String, Value>, urls: &UrlRules, (): &()) -> Result<Self, Refusal> {
        let mut webhook: Self = request::fields(fields)?;
        // As it is posted to: a reader of the list is not to see another host.
        webhook.url = PublicUrl::parse(&webhook.url, urls)?.to_string();
        Ok(webhook)
    }

    fn place(&self) -> &str {
        &self.url
    }

    fn message(&self, delivery: &OutgoingDelivery<'_>, given: &Given<'_>, (): &()) -> Result<Message, NoMessage> {
        message::message(self, delivery, given)
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn is_posted_to(&self) -> bool {
        true
    }
}
