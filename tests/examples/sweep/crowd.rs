//! A crowd for one millisecond, and a few others' notifications behind it: how quickly it is queued, and how long they wait.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use serde_json::{Value, json};

use crate::measure::{Bench, now};
use crate::rows::{Kind, row};
use tidings_tests::bench::batch::{BATCH, put};
use tidings_tests::bench::number::grouped;

/// The crowd is swept so long before it is due, in milliseconds: nothing is delivered meanwhile.
const AHEAD: i64 = 130_000;

/// The others are due so long after the crowd, in milliseconds: by then their minute has been begun.
const BEHIND: i64 = 5_000;

/// The number of others.
const OTHERS: u64 = 10;

/// The number of batches on their way at once.
const AT_ONCE: usize = 16;

/// The result of a crowd.
pub(crate) struct Crowd {
    rows: u64,
    messages: u64,
    sweeps: usize,
    time: Duration,
}

impl Crowd {
    /// Whether there is one message for each row.
    pub(crate) fn is_queued_once(&self) -> bool {
        self.messages == self.rows + OTHERS
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rows) = (self.time.as_secs_f64(), self.rows + OTHERS);
        #[allow(clippy::cast_precision_loss, reason = "it is a rate")]
        let rate = rows as f64 / seconds;
        writeln!(f, "{} for one millisecond, and {OTHERS} behind them, in a debug build:", grouped(self.rows))?;
        write!(
            f,
            "{} messages after {} sweeps and {seconds:.1} s of sweeping, {rate:.0} a second\neach queued once: {}",
            grouped(self.messages),
            self.sweeps,
            if self.is_queued_once() { "yes" } else { "no" }
        )
    }
}

/// Writes a crowd, and sweeps until all of it is queued.
pub(crate) async fn measure(bench: &Bench, rows: u64) -> Crowd {
    let due = written(bench, rows).await;
    let wait = u64::try_from(due - AHEAD - now()).expect("writing took longer than was foreseen");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    bench.has_come_to(due - 1_000, now() / 60_000).await;
    let before = sent(bench).await;
    let (mut sweeps, mut time) = (0, Duration::ZERO);
    loop {
        time += bench.fire().await;
        sweeps += 1;
        eprintln!("{} messages after {sweeps} sweeps", grouped(sent(bench).await - before));
        if is_through(bench).await {
            return Crowd { rows, messages: sent(bench).await - before, sweeps, time };
        }
    }
}

/// Writes the rows; says when they are due.
async fn written(bench: &Bench, rows: u64) -> i64 {
    // The first ones, of another day, tell how long it takes.
    let (some, begun) = (rows.min(2_000), Instant::now());
    write(bench, some, now() + 24 * 60 * 60_000).await;
    let expected = begun.elapsed().as_millis() * u128::from(rows / some + 1) * 3 / 2;
    let due = now() + i64::try_from(expected).unwrap() + AHEAD + 5_000;
    write(bench, rows, due).await;
    write(bench, OTHERS, due + BEHIND).await;
    eprintln!("{} rows written", grouped(rows));
    due
}

async fn write(bench: &Bench, rows: u64, due: i64) {
    let batches = (0..rows).step_by(BATCH as usize).map(|first| async move {
        put(&bench.stack, &bench.table, (first..rows.min(first + BATCH)).map(|nth| row(Kind::Pending, due, nth))).await;
    });
    stream::iter(batches).buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn sent(bench: &Bench) -> u64 {
    bench.queue().await["sent"].as_u64().unwrap()
}

async fn is_through(bench: &Bench) -> bool {
    let key = json!({"bucket": {"S": "sweeper"}, "id": {"S": "progress"}});
    let get = json!({"TableName": bench.table, "Key": key, "ConsistentRead": true}).to_string();
    let progress: Value = bench.stack.aws("DynamoDB_20120810.GetItem", get).await;
    progress["Item"]["places"].is_null()
}
