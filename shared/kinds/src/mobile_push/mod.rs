//! The kind `mobile_push`: a phone's application, which SNS reaches through the platform's own service.

mod adm;
mod apns;
mod fcm;
mod message;
mod target;
#[cfg(test)]
mod tests;

pub use crate::message::MobilePushMessage;
pub use target::{Application, InvalidApplication, InvalidTarget, MobilePush, Platform, Settings, TargetArn};

use domain::refusal::Refusal;
use domain::request;
use serde_json::{Map, Value};

use crate::kind::{Given, Kind, switched_on};
use crate::message::{Message, NoMessage, Request};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::settings::{InvalidSetting, Variables};
use crate::url::UrlRules;

impl Kind for MobilePush {
    type Settings = Settings;

    fn settings(variables: Variables) -> Result<Settings, InvalidSetting> {
        Settings::read(variables)
    }

    fn parse(fields: Map<String, Value>, _: &UrlRules, settings: &Settings) -> Result<Self, Refusal> {
        let applications = &settings.applications;
        switched_on(!applications.is_empty(), "PlatformApplicationArns")?;
        let mobile_push: Self = request::fields(fields)?;
        mobile_push.target_arn.check(applications)?;
        Ok(mobile_push)
    }

    fn place(&self) -> &str {
        self.target_arn.as_str()
    }

    fn message(&self, delivery: &OutgoingDelivery<'_>, _: &Given<'_>, _: &Settings) -> Result<Message, NoMessage> {
        let push = MobilePushMessage::of(self.target_arn.platform(), delivery);
        Ok(Request::Push(self.target_arn.as_str().to_owned(), push).into())
    }

    fn shows_unread(&self) -> bool {
        true
    }
}
