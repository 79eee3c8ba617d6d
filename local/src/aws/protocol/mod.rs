//! The protocols of AWS's services: JSON, Query with XML, errors and batches.

pub(super) mod batch;
mod failure;
pub(super) mod json;
pub(super) mod query;

pub(super) use self::failure::{Errors, FAULT, Failure};
