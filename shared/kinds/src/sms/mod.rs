//! The kind `sms`: a text message to a phone, through SNS.

mod message;
mod parts;
mod target;

pub use message::{Text, text};
pub use target::{InvalidPhone, Phone, Settings, Sms};

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::kind::{Given, Kind, switched_on};
use crate::message::{Charge, DailyCap, Message, NoMessage, Request};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::url::UrlRules;

impl Kind for Sms {
    type Settings = Settings;

    fn settings(variables: Variables) -> Result<Settings, InvalidSetting> {
        Settings::read(variables)
    }

    fn parse(fields: Map<String, Value>, _: &UrlRules, settings: &Settings) -> Result<Self, Refusal> {
        switched_on(settings.daily_cap > 0, "SmsDailyCap")?;
        request::fields(fields)
    }

    fn place(&self) -> &str {
        self.phone.as_str()
    }

    fn message(
        &self,
        delivery: &OutgoingDelivery<'_>,
        given: &Given<'_>,
        settings: &Settings,
    ) -> Result<Message, NoMessage> {
        let cap = DailyCap::shared(settings.daily_cap, given.cap_share);
        // A message with more parts than its user may send on a day would never go out.
        let Text { text, parts } = text(delivery, cap.each.max(1)).ok_or(NoMessage::Empty)?;
        let charge = Some(Charge { kind: "sms", count: parts, cap });
        Ok(Message { request: Request::Text(self.phone.as_str().to_owned(), text), charge })
    }
}
