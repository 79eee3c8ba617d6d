//! The crate that all Tidings functions share. From bottom to top:
//!
//! - [`domain`], a crate of its own: names, requests, and all decisions. Pure: no async, no AWS, no environment, no clock.
//! - [`kinds`], a crate of its own: the kinds of endpoints, a folder each. As pure, but for cryptography.
//! - [`clock`], [`error`], [`tls`] and [`settings`]: the time, failures, certificates, and the environment, read once.
//! - [`aws`]: the adapters, one AWS service (or one table) a file.
//! - [`tokens`]: who sent a request, and what they may do. [`transports`]: how messages reach endpoints.
//! - [`actions`]: the use cases.
//! - [`wiring`]: the parts that several functions build alike. A function's `main` picks its use cases.
//!
//! [`batch`], [`deadline`], [`http`] and [`socket`] turn events into calls, and results into answers.

pub mod actions;
pub mod aws;
pub mod batch;
pub mod clock;
pub mod deadline;
pub mod error;
pub mod http;
pub mod settings;
pub mod socket;
pub mod tls;
pub mod tokens;
pub mod transports;
pub mod wiring;

pub use domain;
pub use kinds;
