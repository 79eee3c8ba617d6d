//! The kinds of endpoints, a folder each.
//!
//! A kind's folder has its target (the fields of a request and of a row), its message (the part of a notification that it sends),
//! and, where the receiver itself answers, the meaning of an answer. A new kind is a folder, and in this file its module, a line in
//! `kinds!`.
//!
//! The crate is pure: no async, no AWS, no environment, no clock (`now` is an argument). It does use cryptography and random
//! numbers. A [`Message`] says what goes out and by which transport; the transports are in the crate `shared`.

pub mod address;
pub mod email;
mod kind;
mod message;
pub mod mobile_push;
pub mod outgoing_delivery;
pub mod settings;
mod shorten;
mod shown;
mod signature;
pub mod sms;
mod target;
pub mod url;
pub mod web_push;
pub mod webhook;

pub use kind::{Given, Kind};
pub use message::{Charge, DailyCap, Failed, Mail, Meaning, Message, MobilePushMessage, NoMessage, Post, Request};

use domain::refusal::Refusal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use outgoing_delivery::OutgoingDelivery;
use settings::{InvalidSetting, Variables};
use target::kinds;
use url::UrlRules;

kinds! {
    /// A server of the owner's.
    "webhook" => webhook::Webhook,
    /// A browser.
    "web_push" => web_push::WebPush,
    /// An application on a phone, by an SNS platform endpoint.
    "mobile_push" => mobile_push::MobilePush,
    /// A phone, by SNS.
    "sms" => sms::Sms,
    /// A mailbox, by SES.
    "email" => email::Email,
}
