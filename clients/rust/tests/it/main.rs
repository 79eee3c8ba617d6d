//! The client against small servers that speak the real wire.

// Helpers of tests are tests too, which clippy cannot see.
#![allow(clippy::unwrap_used)]

mod command_line;
mod endpoints;
mod http;
mod listener;
mod redirect;
mod server;
