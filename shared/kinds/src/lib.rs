//! The kinds of endpoints, a folder each.
//!
//! A kind's folder has its target (the fields of a request and of a row), its message (the part of a notification that it sends),
//! and, where the receiver itself answers, the meaning of an answer. [`registry`] lists the kinds.
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
mod registry;
pub mod settings;
mod shown;
pub mod sms;
pub mod url;
pub mod web_push;
pub mod webhook;

pub use kind::{Given, Kind};
pub use message::{Charge, DailyCap, Failed, Meaning, Message, NoMessage, Post, Request};
pub use registry::{KindSettings, Target};
