//! DynamoDB: the engine, its requests and answers, and limits on its writes.

mod database;
mod service;
pub(super) mod wire;

pub(crate) use self::{database::Database, service::DynamoDb};
