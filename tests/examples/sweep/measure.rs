//! Sweeps one by one, each as it is in every minute of a healthy day: a minute after the one before, with ten
//! notifications to hand on and nothing late.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cost::{Cost, Swept};
use crate::rows::{Kind, row};
use tidings_tests::bench::batch::{batch, put};
use tidings_tests::bench::stack::Stack;

/// The number of notifications that a measured sweep has to queue.
const DUE: u64 = 10;

/// So many sweeps are not measured before the others.
const COLD: usize = 5;

const MINUTE: i64 = 60_000;

/// A sweep hands on what is due within this time, and looks for what is late until so long ago, in milliseconds
/// (`shared/domain/src/schedule/sweep.rs`).
const SWEPT_AHEAD: i64 = 140_000;
const LATE_AFTER: i64 = 40_000;

/// From and until when in a minute none is measured, in milliseconds: at 40 s both the above come to the next minute,
/// and a sweep that met this would read one minute more than the others.
const TURN: std::ops::Range<i64> = 35_000..41_000;

/// A stack whose sweeper runs only when the bench invokes it.
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) table: String,
    queue: Value,
}

pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Bench {
    pub(crate) async fn start(stack: Stack) -> Self {
        stack.control(Method::POST, "schedules/SweepRule/disable").await;
        let table = stack.table("Schedule").await;
        let mut bench = Self { stack, table, queue: Value::Null };
        let name = bench.queue().await["name"].clone();
        bench.queue = bench.stack.aws("AmazonSQS.GetQueueUrl", json!({"QueueName": name}).to_string()).await;
        // The first one writes the row that says how far it came.
        bench.fire().await;
        bench
    }

    /// Measures so many sweeps, after a few that find everything cold.
    pub(crate) async fn sweeps(&self, count: usize) -> Vec<Swept> {
        for _ in 0..COLD {
            self.sweep().await;
        }
        let mut sweeps = Vec::new();
        while sweeps.len() < count {
            sweeps.push(self.sweep().await);
        }
        sweeps
    }

    async fn sweep(&self) -> Swept {
        while TURN.contains(&(now() % MINUTE)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let now = now();
        let rows: Vec<String> = (0..DUE).map(|nth| row(Kind::Pending, now + 100_000, nth)).collect();
        put(&self.stack, &self.table, rows.iter().cloned()).await;
        self.a_minute_after_the_last(now).await;
        let queued = self.queue().await["sent"].as_u64().unwrap();
        self.stack.control(Method::DELETE, "calls").await;

        let time = self.fire().await;

        let calls = self.stack.control(Method::GET, "calls").await;
        assert_eq!(self.queue().await["sent"].as_u64().unwrap() - queued, DUE, "messages of this sweep");
        self.forget(&rows).await;
        Swept { cost: Cost::of(&calls), time }
    }

    /// Has the sweeper believe that it was here a minute ago.
    async fn a_minute_after_the_last(&self, now: i64) {
        self.has_come_to(now + SWEPT_AHEAD - MINUTE, (now - LATE_AFTER) / MINUTE - 1).await;
    }

    /// Has the sweeper believe that it came this far.
    pub(crate) async fn has_come_to(&self, handed: i64, watermark: i64) {
        let update = json!({
            "TableName": self.table,
            "Key": {"bucket": {"S": "sweeper"}, "id": {"S": "progress"}},
            "UpdateExpression": "SET handed = :handed, watermark = :watermark",
            "ConditionExpression": "attribute_exists(handed) AND attribute_exists(watermark)",
            "ExpressionAttributeValues": {
                ":handed": {"N": handed.to_string()},
                ":watermark": {"N": watermark.to_string()},
            },
        });
        self.stack.aws("DynamoDB_20120810.UpdateItem", update.to_string()).await;
    }

    /// Fires the rule, and waits for the sweeper.
    pub(crate) async fn fire(&self) -> Duration {
        let begun = Instant::now();
        let answer = self.stack.control(Method::POST, "schedules/SweepRule/fire").await;
        let time = begun.elapsed();
        assert_eq!(answer["ok"], true, "{answer}");
        time
    }

    /// Takes back what was handed on, so that nothing is delivered meanwhile, and the next sweep has its own ten.
    async fn forget(&self, rows: &[String]) {
        let deletion = |row: &String| {
            let row: Value = serde_json::from_str(row).unwrap();
            json!({"DeleteRequest": {"Key": {"bucket": row["bucket"], "id": row["id"]}}}).to_string()
        };
        batch(&self.stack, &self.table, rows.iter().map(deletion)).await;
        self.stack.aws("AmazonSQS.PurgeQueue", self.queue.to_string()).await;
    }

    pub(crate) async fn queue(&self) -> Value {
        let queues = self.stack.control(Method::GET, "queues").await;
        queues.as_array().unwrap().iter().find(|queue| queue["queue"] == "DueQueue").unwrap().clone()
    }
}
