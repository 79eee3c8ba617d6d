//! Filling the schedule through DynamoDB's own wire.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::report::grouped;
use crate::rows::{Kind, row};
use crate::stack::Stack;

/// As many as a batch may have.
pub(crate) const BATCH: u64 = 25;

/// How many batches are on their way at once.
const AT_ONCE: usize = 16;

/// Writes so many rows of a kind, and says how far it is.
pub(crate) async fn write(stack: &Stack, kind: Kind, count: u64) {
    let (table, now, begun) = (stack.schedule().await, Timestamp::now().as_millisecond(), Instant::now());
    let written = AtomicU64::new(0);
    let batches = (0..count).step_by(BATCH as usize).map(|first| {
        let (table, written) = (&table, &written);
        async move {
            let rows = (first..count.min(first + BATCH)).map(|nth| row(kind, kind.due(now, nth, count), nth));
            put(stack, table, rows).await;
            let before = written.fetch_add(BATCH, Ordering::Relaxed);
            if before * 10 / count < (before + BATCH) * 10 / count {
                let seconds = begun.elapsed().as_secs();
                let so_far = grouped(count.min(before + BATCH));
                eprintln!("{so_far} of {} {} rows written after {seconds} s", grouped(count), kind.name());
            }
        }
    });
    stream::iter(batches).buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// Writes rows that are few enough for a batch.
pub(crate) async fn put(stack: &Stack, table: &str, rows: impl Iterator<Item = String>) {
    batch(stack, table, rows.map(|row| format!(r#"{{"PutRequest":{{"Item":{row}}}}}"#))).await;
}

/// Does what these requests ask for, all of it.
pub(crate) async fn batch(stack: &Stack, table: &str, requests: impl Iterator<Item = String>) {
    let requests = requests.collect::<Vec<_>>().join(",");
    // Who asks what it costs has the request passed on as it is, which is quicker.
    let body = format!(r#"{{"ReturnConsumedCapacity":"TOTAL","RequestItems":{{"{table}":[{requests}]}}}}"#);
    let answer = stack.dynamodb("BatchWriteItem", body).await;
    let left = answer["UnprocessedItems"].as_object().is_some_and(|tables| !tables.is_empty());
    assert!(!left, "{answer}");
}
