//! The kind `email`: a mail, through SES.

mod message;
mod target;

pub use crate::message::Mail;
pub use target::{Address, Email, InvalidAddress, Settings};

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::kind::{Given, Kind, switched_on};
use crate::message::{Charge, DailyCap, Message, NoMessage, Request};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::url::UrlRules;

impl Kind for Email {
    type Settings = Settings;

    fn settings(variables: Variables) -> Result<Settings, InvalidSetting> {
        Settings::read(variables)
    }

    fn parse(fields: Map<String, Value>, _: &UrlRules, settings: &Settings) -> Result<Self, Refusal> {
        switched_on(settings.daily_cap > 0, "EmailDailyCap")?;
        request::fields(fields)
    }

    fn place(&self) -> &str {
        self.address.as_str()
    }

    fn message(
        &self,
        delivery: &OutgoingDelivery<'_>,
        given: &Given<'_>,
        settings: &Settings,
    ) -> Result<Message, NoMessage> {
        let mail = Mail::of(delivery).ok_or(NoMessage::Empty)?;
        let cap = DailyCap::shared(settings.daily_cap, given.cap_share);
        let charge = Some(Charge { kind: "email", count: 1, cap });
        Ok(Message { request: Request::Mail(self.address.as_str().to_owned(), mail), charge })
    }
}
