//! Endpoints on a local stack: where notifications go that nobody is connected for.

mod again;
mod attempts;
mod challenge;
mod dead;
mod faults;
mod odd;
mod past;
mod phones;
mod rescue;
mod slow;
pub(crate) mod stack;
mod verify;
mod web_push;
