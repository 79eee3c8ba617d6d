//! Filling the schedule through DynamoDB's own wire.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;

use crate::rows::{Kind, row};
use tidings_tests::bench::batch::{BATCH, put};
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::stack::Stack;

/// The number of batches on their way at once.
const AT_ONCE: usize = 16;

/// Writes so many rows of a kind, and says how far it is.
pub(crate) async fn write(stack: &Stack, kind: Kind, count: u64) {
    let (table, now, begun) = (stack.table("Schedule").await, Timestamp::now().as_millisecond(), Instant::now());
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
