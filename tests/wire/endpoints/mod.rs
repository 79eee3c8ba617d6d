//! Endpoints on a local stack: where notifications go that nobody is connected for.

mod again;
mod attempts;
mod challenge;
mod dead;
mod faults;
/// The name server with which the client for webhooks is tested.
#[path = "../../../shared/tests/endpoints/names.rs"]
mod names;
mod odd;
mod past;
mod phones;
mod rescue;
mod slow;
pub(crate) mod stack;
mod verify;
mod web_push;
