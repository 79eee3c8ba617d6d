//! Rows of DynamoDB tables.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The layout of rows that this code writes; a later one reads this one's too.
pub const VERSION: u8 = 1;

/// A row as the SDK has it.
pub type Attributes = HashMap<String, AttributeValue>;

pub(crate) fn to_row<T: Serialize>(value: &T) -> Result<Attributes, Error> {
    serde_dynamo::to_item(value).map_err(|e| Error::Failed { call: "write a row", cause: e.to_string() })
}

pub(crate) fn from_row<T: DeserializeOwned>(row: Attributes) -> Result<T, Error> {
    serde_dynamo::from_item(row).map_err(|e| Error::Failed { call: "read a row", cause: e.to_string() })
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The SDK's builders check at run time that their required fields are set; ours always are.
pub(crate) fn built<T>(result: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, Error> {
    result.map_err(|e| Error::Failed { call: "build a request", cause: e.to_string() })
}

/// Why an item of a cancelled transaction was not written: its condition failed. The other reasons pass by themselves.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// The reasons of a cancelled transaction, one for each of its items; `None` where it failed in another way.
pub(crate) fn cancellation_codes<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<Vec<&str>> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None")).collect())
        }
        _ => None,
    }
}

/// Whether a write was not done because its condition failed.
pub(crate) fn condition_failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}
