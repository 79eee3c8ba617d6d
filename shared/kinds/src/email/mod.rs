//! The kind `email`: a mail, through SES.

mod message;
mod target;

pub use message::Mail;
pub use target::{Address, Email, InvalidAddress, Settings};

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::KindSettings;
use crate::kind::{Given, Kind, switched_on};
use crate::message::{Charge, DailyCap, Message, NoMessage, Request};
use crate::parcel::Parcel;

impl Kind for Email {
    fn parse(fields: Map<String, Value>, settings: &KindSettings) -> Result<Self, Refusal> {
        switched_on(settings.email.daily_cap > 0, "EmailDailyCap")?;
        request::fields(fields)
    }

    fn place(&self) -> &str {
        self.address.as_str()
    }

    fn message(&self, parcel: &Parcel<'_>, given: &Given<'_>) -> Result<Message, NoMessage> {
        let mail = Mail::of(parcel).ok_or(NoMessage::Empty)?;
        let cap = DailyCap::shared(given.settings.email.daily_cap, given.cap_share);
        let charge = Some(Charge { kind: "email", count: 1, cap });
        Ok(Message { request: Request::Mail(self.address.clone(), mail), charge })
    }
}
