//! The kind `webhook`: a server of the owner's, which gets each notification as a signed HTTP POST.

mod answer;
pub mod challenge;
mod message;
mod signature;
mod target;

pub use answer::meaning;
pub use signature::{InvalidId, InvalidSecret, Secret, headers};
pub use target::Webhook;

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::KindSettings;
use crate::kind::{Given, Kind};
use crate::message::{Message, NoMessage};
use crate::parcel::Parcel;
use crate::url::PublicUrl;

impl Kind for Webhook {
    fn parse(fields: Map<String, Value>, settings: &KindSettings) -> Result<Self, Refusal> {
        let mut webhook: Self = request::fields(fields)?;
        // As it is posted to: a reader of the list is not to see another host.
        webhook.url = PublicUrl::parse(&webhook.url, &settings.urls)?.to_string();
        Ok(webhook)
    }

    fn place(&self) -> &str {
        &self.url
    }

    fn message(&self, parcel: &Parcel<'_>, given: &Given<'_>) -> Result<Message, NoMessage> {
        message::message(self, parcel, given)
    }

    fn is_signed(&self) -> bool {
        true
    }

    fn is_posted_to(&self) -> bool {
        true
    }
}
