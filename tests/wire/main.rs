//! The wire tests: real function binaries, real sockets, real protocols.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, and panicking is how it fails")]

mod anywhere;
mod append;
mod audience;
mod bodies;
mod browser;
mod build;
mod cli;
mod cloud_events;
mod codes;
mod costs;
mod documents;
mod endpoints;
mod failures;
mod handshakes;
mod harness;
mod inbound;
mod layout;
mod lifecycle;
mod logs;
mod neighbours;
mod parameters;
mod policies;
mod poll;
mod releases;
mod replay;
mod reuse;
mod schedule;
mod sdk;
mod storm;
mod strangers;
mod token_rules;
mod tokens;
mod transports;
mod units;
mod users;
