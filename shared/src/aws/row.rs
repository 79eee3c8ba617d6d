//! Rows of DynamoDB tables.

use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use rand::RngExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

/// The layout of rows and messages that this release writes. It reads those of earlier releases too; a later one that an earlier could
/// misread has a higher version.
pub const VERSION: u8 = 1;

/// A row as the SDK has it.
pub type Attributes = HashMap<String, AttributeValue>;

pub(crate) fn to_row<T: Serialize>(value: &T) -> Result<Attributes, Error> {
    serde_dynamo::to_item(value).map_err(|e| Error::Failed { call: "write a row", cause: e.to_string() })
}

/// Reads a row that this release or an earlier one has written.
///
/// # Errors
/// [`Error::Unreadable`]: it is of a later release, or of none.
pub(crate) fn from_row<T: DeserializeOwned>(row: Attributes) -> Result<T, Error> {
    check_version(&row)?;
    serde_dynamo::from_item(row).map_err(|error| Error::unreadable(&error))
}

/// A read of some attributes may not have asked for the version.
fn check_version(row: &Attributes) -> Result<(), Error> {
    let Some(version) = row.get("v") else { return Ok(()) };
    match version.as_n().ok().and_then(|version| version.parse::<u64>().ok()) {
        Some(version) if version <= u64::from(VERSION) => Ok(()),
        _ => Err(Error::Unreadable(format!("a row's version is {version:?}; this release reads up to {VERSION}"))),
    }
}

/// A number in a row that cannot be read otherwise.
pub(crate) fn number_in<T: FromStr>(row: &Attributes, name: &str) -> Option<T> {
    row.get(name)?.as_n().ok()?.parse().ok()
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
pub(crate) fn cancellation_reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => Some(cancelled.cancellation_reasons()),
        _ => None,
    }
}

/// Whether DynamoDB refused because of what others do at the same moment. Its codes differ between calls and reasons.
pub(crate) fn is_conflict(code: Option<&str>) -> bool {
    let meets_another =
        matches!(code, Some("TransactionConflict" | "TransactionConflictException" | "TransactionInProgressException"));
    meets_another || is_throttle(code)
}

/// Whether DynamoDB refused because a table or a partition key has no units left.
pub(crate) fn is_throttle(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "ThrottlingError"
                | "ThrottlingException"
                | "ProvisionedThroughputExceeded"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
        )
    )
}

/// The number of times that a write that meets others is tried again.
const TRIES: u32 = 8;

/// Makes a call again, after a short jittered wait, while it only met others: a write beside a transaction on the same
/// item is refused, and that the SDK does not try again by itself. (A throttle it does, and then this some more.)
pub(crate) async fn past_conflicts<T, E, R, C, F>(call: C) -> Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata,
    C: Fn() -> F,
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut tries = 1;
    loop {
        match call().await {
            Err(error) if tries < TRIES && is_conflict(error.code()) => {
                tries += 1;
                pause().await;
            }
            result => return result,
        }
    }
}

/// A short jittered wait, to let another write pass.
pub(crate) async fn pause() {
    let milliseconds = rand::rng().random_range(5..50);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// A jittered wait where a partition key has no write units left: it is given new ones all the time, 1,000 a second.
pub(crate) async fn wait_for_units() {
    let milliseconds = rand::rng().random_range(100..600);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

/// Whether a write was not done because its condition failed.
pub(crate) fn condition_failed<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("ConditionalCheckFailedException")
}
