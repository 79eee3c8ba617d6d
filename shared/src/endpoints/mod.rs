//! Endpoints of all kinds. What a kind's target is, and what it is sent of a notification, is in a file of the kind's name
//! and pure; how it is reached is in [`courier`].

pub mod address;
pub mod challenge;
pub mod client;
pub mod courier;
pub mod cut;
pub mod email;
pub mod mobile_push;
pub mod parcel;
pub mod retry_after;
pub mod shown;
pub mod sms;
mod target;
pub mod url;
pub mod web_push;
pub mod webhook;

pub use target::Target;
