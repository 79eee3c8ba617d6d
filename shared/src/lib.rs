//! What the Tidings functions share.
//!
//! - [`domain`] is a crate of its own, and pure: no async, no AWS, no environment, no clock (`now` is an argument).
//! - [`aws`] holds the adapters, one AWS service (or one table) a file.
//! - [`endpoints`] are the kinds of endpoints, one a file, and how each is reached.
//! - [`actions`] are the use cases, written on top of both; a function's `main` picks those that it serves.
//! - [`http`] is how the HTTP functions answer.
//! - [`settings`] reads the environment once, [`wiring`] builds what several functions build alike, [`tokens`] decides whose a token is.

pub mod actions;
pub mod aws;
pub mod batch;
pub mod clock;
pub mod deadline;
pub mod endpoints;
pub mod error;
pub mod http;
pub mod settings;
pub mod socket;
pub mod tls;
pub mod tokens;
pub mod wiring;

pub use domain;
