//! The kinds of endpoints, a folder each.
//!
//! A kind's folder has its target (the fields of a request and of a row), its message (the part of a notification that it sends),
//! and, where the receiver itself answers, the meaning of an answer. A new kind is a folder, and in this file its module, a line in
//! `kinds!` and, if it has settings, a field of [`KindSettings`].
//!
//! The crate is pure: no async, no AWS, no environment, no clock (`now` is an argument). It does use cryptography and random
//! numbers. A [`Message`] says what goes out and by which transport; the transports are in the crate `shared`.

pub mod address;
mod cut;
pub mod email;
mod kind;
mod message;
pub mod mobile_push;
pub mod parcel;
pub mod settings;
mod shown;
pub mod sms;
mod target;
pub mod url;
pub mod web_push;
pub mod webhook;

pub use kind::{Given, Kind};
pub use message::{Charge, DailyCap, Failed, Meaning, Message, NoMessage, Post, Request};

use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use settings::{InvalidSetting, Variables};
use target::kinds;
use url::Rules;

kinds! {
    /// A server of the owner's.
    "webhook" => Webhook(webhook::Webhook),
    /// A browser.
    "web_push" => WebPush(web_push::WebPush),
    /// An application on a phone, by an SNS platform endpoint.
    "mobile_push" => MobilePush(mobile_push::MobilePush),
    /// A phone, by SNS.
    "sms" => Sms(sms::Sms),
    /// A mailbox, by SES.
    "email" => Email(email::Email),
}

/// The kinds that the stack has switched on, and their settings.
#[derive(Clone, Debug, Default)]
pub struct KindSettings {
    /// The URLs that may be posted to.
    pub urls: Rules,
    /// Web Push.
    pub web_push: web_push::Settings,
    /// SNS platform endpoints.
    pub mobile_push: mobile_push::Settings,
    /// Text messages.
    pub sms: sms::Settings,
    /// E-mails.
    pub email: email::Settings,
}

impl KindSettings {
    /// Reads them.
    ///
    /// # Errors
    /// A variable is missing or wrong.
    pub fn read(urls: Rules, variables: Variables) -> Result<Self, InvalidSetting> {
        Ok(Self {
            urls,
            web_push: web_push::Settings::read(variables),
            mobile_push: mobile_push::Settings::read(variables)?,
            sms: sms::Settings::read(variables)?,
            email: email::Settings::read(variables)?,
        })
    }
}
