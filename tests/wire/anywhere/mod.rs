//! Tests that hold wherever the bundle runs: on a local stack, or deployed (`Target` says how to name it).

mod connections;
mod cors;
mod crash;
mod data;
mod delivery;
mod endpoints;
mod head;
pub(crate) mod inbound;
pub(crate) mod later;
mod page;
pub(crate) mod poll;
mod refusals;
pub(crate) mod replay;
mod rights;
pub(crate) mod tickets;
mod wording;
