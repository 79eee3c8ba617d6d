//! One publisher's crowd: more in one minute, or for one moment, than a sweep gets through. It holds nobody else's notification back, and
//! each of it is queued once.

use std::time::Duration;

use serde_json::{Value, json};

use super::rows::bucket;
use crate::anywhere::later::{look, moment, now};
use crate::harness::{Function, Stack, room};
use crate::layout::event;

/// The latest that somebody else's notification may come after its time, in milliseconds.
const LATEST: i64 = 3_000;

/// The time that the sweeper keeps to end.
const RESERVE: Duration = Duration::from_secs(15);

/// So many sweeps are enough for any crowd here.
const SWEEPS: usize = 12;

/// As many rows as a batch may have.
const BATCH: usize = 25;

/// A row that nobody has queued.
struct Row {
    id: String,
    row: Value,
}

/// The `nth` of what is due then in that shard, to the publisher's own topic.
fn row(by: &str, due: i64, shard: usize, nth: usize, body: &str) -> Row {
    let time = format!("{due:012x}");
    let id = format!("{}-{}-7000-8000-{nth:011x}{shard:x}", &time[..8], &time[8..]);
    let row = json!({
        "bucket": {"S": bucket(&id)},
        "id": {"S": id},
        "v": {"N": "1"},
        "by": {"S": by},
        "to": {"L": [{"S": format!("topic:{by}")}]},
        "content": {"S": json!({"body": body}).to_string()},
        "stage": {"S": "scheduled"},
        "sent": {"M": {}},
    });
    Row { id, row }
}

/// A stack whose sweeper runs only when the test invokes it.
struct Swept {
    stack: Stack,
    sweeper: Function,
    queued_before: u64,
}

impl Swept {
    async fn start() -> Self {
        let stack = Stack::start().await;
        stack.stop_sweeps().await;
        let sweeper = Function::start(&stack, "Sweeper").await;
        Self { queued_before: stack.queued("DueQueue").await, stack, sweeper }
    }

    /// Has the sweeper believe that it came this far.
    async fn set(&self, name: &str, value: i64) {
        let update = json!({
            "TableName": self.stack.table("Schedule").await,
            "Key": {"bucket": {"S": "sweeper"}, "id": {"S": "progress"}},
            "UpdateExpression": "SET #name = :value",
            "ConditionExpression": "attribute_exists(#name) AND attribute_not_exists(begun)",
            "ExpressionAttributeNames": {"#name": name},
            "ExpressionAttributeValues": {":value": {"N": value.to_string()}},
        });
        self.stack.dynamodb("UpdateItem", &update).await;
    }

    async fn write(&self, rows: &[Row]) {
        let table = self.stack.table("Schedule").await;
        for batch in rows.chunks(BATCH) {
            let puts: Vec<Value> = batch.iter().map(|row| json!({"PutRequest": {"Item": row.row}})).collect();
            self.stack.dynamodb("BatchWriteItem", &json!({"RequestItems": {(&table): puts}})).await;
        }
    }

    /// One sweep that has so much time for its work.
    async fn sweep(&mut self, time: Duration) {
        let mut event = event("sweeper");
        event["time"] = json!(jiff::Timestamp::now().to_string());
        self.sweeper.invoke_within(&event, RESERVE + time).await;
    }

    /// Sweeps until nothing is under way any more.
    async fn sweep_to_the_end(&mut self, time: Duration) {
        for _ in 0..SWEEPS {
            self.sweep(time).await;
            let key = json!({"bucket": {"S": "sweeper"}, "id": {"S": "progress"}});
            let get = json!({"TableName": self.stack.table("Schedule").await, "Key": key, "ConsistentRead": true});
            if self.stack.dynamodb("GetItem", &get).await["Item"]["places"].is_null() {
                return;
            }
        }
        panic!("{SWEEPS} sweeps did not get through");
    }

    async fn queued(&self) -> u64 {
        self.stack.queued("DueQueue").await - self.queued_before
    }

    /// The delay with which somebody's notification was sent, once it is.
    async fn lateness(&self, row: &Row, due: i64) -> i64 {
        self.stack.until("it is sent", || async { look(&self.stack, &row.id).await["state"] == "sent" }).await;
        moment(&look(&self.stack, &row.id).await["sent_at"]) - due
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowded_minute_whose_pages_come_slowly_keeps_nobody_elses_notification_from_its_time() {
    const CROWD: usize = 400;
    let _room = room().await;
    let mut swept = Swept::start().await;
    let begun = now();
    swept.set("handed", begun + 9_000).await;
    // All in one minute: first somebody else's, at its end a crowd in one bucket, and behind that another one's.
    let due = begun + 12_000;
    let end = (due / 60_000 + 1) * 60_000;
    // A page has 34 of these, or 1 MB: that bucket takes longer to be read than a sweep has time.
    let long = "x".repeat(30_000);
    let crowd: Vec<Row> = (0..CROWD).map(|nth| row("crowd", end - 2, 3, nth, &long)).collect();
    swept.write(&crowd).await;
    let others = [row("soon", due, 3, 0, "x"), row("behind", end - 1, 4, 0, "x")];
    swept.write(&others).await;
    assert!(now() < due - 1_000, "writing took longer than was foreseen");
    swept
        .stack
        .fault(json!({"on": "dynamodb.Query", "function": "Sweeper", "times": 0, "do": {"delay_ms": 600}}))
        .await;

    swept.sweep(Duration::from_secs(5)).await;
    let first = swept.queued().await;
    assert!((3..CROWD as u64).contains(&first), "some of the crowd, and the others: {first} messages");
    let late = swept.lateness(&others[0], due).await;
    assert!((0..LATEST).contains(&late), "{late} ms late");
    swept.sweep_to_the_end(Duration::from_secs(5)).await;
    assert_eq!(swept.queued().await, CROWD as u64 + 2, "each of the crowd and of the others once");
    swept.stack.assert_faults_fired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_for_one_moment_are_queued_once_each_by_as_many_sweeps_as_it_takes_and_what_is_late_is_looked_after()
{
    const CROWD: usize = 2_400;
    let _room = room().await;
    let mut swept = Swept::start().await;
    let begun = now();
    swept.set("handed", begun + 99_000).await;
    let crowd: Vec<Row> = (0..CROWD).map(|nth| row("crowd", begun + 100_000, nth % 8, nth, "x")).collect();
    swept.write(&crowd).await;
    // Its message got lost eight minutes ago.
    let lost = row("lost", begun - 8 * 60_000, 5, 0, "x");
    swept.write(std::slice::from_ref(&lost)).await;
    swept.set("watermark", (begun - 9 * 60_000) / 60_000).await;
    let slow = json!({"on": "sqs.SendMessageBatch", "function": "Sweeper", "times": 0, "do": {"delay_ms": 400}});
    swept.stack.fault(slow).await;

    swept.sweep(Duration::from_secs(3)).await;
    let first = swept.queued().await;
    assert!(first < CROWD as u64, "there is more to hand on than time: {first} messages");
    swept.lateness(&lost, 0).await;
    swept.sweep_to_the_end(Duration::from_secs(3)).await;
    assert_eq!(swept.queued().await, CROWD as u64 + 1, "each once, and the late one once more");
    swept.stack.assert_faults_fired().await;
}

/// The number of a topic's notifications that were sent before that time.
async fn sent_before(stack: &Stack, topic: &str, time: i64) -> usize {
    let rows = stack.log_rows(topic).await;
    rows.iter().filter(|row| row["sent_at"]["N"].as_str().unwrap().parse::<i64>().unwrap() < time).count()
}

/// The queue is fair between publishers: `deliver` takes longer for the crowd than a second has.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_right_behind_a_crowd_of_the_same_second_does_not_wait_for_all_of_it() {
    const CROWD: usize = 600;
    let _room = room().await;
    let mut swept = Swept::start().await;
    let begun = now();
    swept.set("handed", begun + 4_000).await;
    let due = begun + 10_000;
    let mut rows: Vec<Row> = (0..CROWD).map(|nth| row("crowd", due, nth % 8, nth, "x")).collect();
    rows.push(row("other", due, 7, CROWD, "x"));
    swept.write(&rows).await;
    swept.stack.fault(json!({"on": "invoke.Deliver", "times": 0, "do": {"delay_ms": 200}})).await;
    swept.sweep(Duration::from_secs(5)).await;
    assert_eq!(swept.queued().await, CROWD as u64 + 1);

    let late = swept.lateness(rows.last().unwrap(), due).await;
    let before = sent_before(&swept.stack, "topic:crowd", due + late).await;
    assert!(late >= 0 && before < CROWD / 2, "{late} ms late, behind {before} of {CROWD}");
}
