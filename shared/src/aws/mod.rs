//! The adapters to AWS. Each file knows one service or one table; what changes together with a log is a
//! [`log::CompanionWrite`] of another.

pub mod allowances;
#[cfg(test)]
mod canned;
pub mod cap;
pub mod clients;
pub mod deliveries;
pub mod email;
pub mod idempotency;
pub mod log;
pub mod long_waits;
pub mod management;
pub mod provider_result;
pub mod publish;
pub mod queue;
pub mod row;
pub mod schedule;
pub mod secret;
pub mod slow;
pub mod subscribers;
pub mod ticket;
pub mod vapid;
pub mod waiting;
