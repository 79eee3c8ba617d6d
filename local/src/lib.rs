//! Runs a SAM template's functions, APIs and data stores on one machine.
//!
//! [`Machine::start`] reads the template and serves it at three ports. [`Options`] is the command line of the binary.

mod aws;
mod cli;
mod clock;
mod control;
mod cron;
mod error;
mod events;
mod faults;
mod gateway;
mod http;
mod iam;
mod lambda;
mod log;
mod machine;
mod machine_secret;
mod mappings;
mod outbox;
mod platforms;
mod project;
mod queues;
mod samconfig;
mod schedules;
mod serve;
mod store;
mod template;
mod topics;
mod websocket;

pub use self::{cli::Options, error::StartError, machine::Machine, template::Addresses};
