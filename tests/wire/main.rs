//! The wire tests: real function binaries, real sockets, real protocols.
#![allow(missing_docs, reason = "a test's name says what it shows")]

mod append;
mod cli;
mod delivery;
mod failures;
mod harness;
mod layout;
mod lifecycle;
mod refusals;
mod replay;
mod reuse;
mod sdk;
mod tokens;
mod units;
