//! The adapters to AWS. Each file knows one service or one table; none knows another.

pub mod clients;
pub mod log;
pub mod management;
pub mod once;
pub mod row;
pub mod secret;
pub mod subscribers;
