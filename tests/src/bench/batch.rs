//! Writing rows through DynamoDB's own wire.

use super::stack::Stack;

/// As many as a batch may have.
pub const BATCH: u64 = 25;

/// Writes rows that are few enough for a batch.
pub async fn put(stack: &Stack, table: &str, rows: impl Iterator<Item = String>) {
    batch(stack, table, rows.map(|row| format!(r#"{{"PutRequest":{{"Item":{row}}}}}"#))).await;
}

/// Does what these requests ask for, all of it.
pub async fn batch(stack: &Stack, table: &str, requests: impl Iterator<Item = String>) {
    let requests = requests.collect::<Vec<_>>().join(",");
    // With `ReturnConsumedCapacity` the local stack forwards the request unmodified, which is faster.
    let body = format!(r#"{{"ReturnConsumedCapacity":"TOTAL","RequestItems":{{"{table}":[{requests}]}}}}"#);
    let answer = stack.aws("DynamoDB_20120810.BatchWriteItem", body).await;
    let left = answer["UnprocessedItems"].as_object().is_some_and(|tables| !tables.is_empty());
    assert!(!left, "{answer}");
}
