//! The benches' common parts. The tests are in `wire/`, where they drive the real function binaries over the wire, and the benches in
//! `examples/`.
#![allow(clippy::unwrap_used, reason = "panicking is how a bench fails")]

pub mod bench;
