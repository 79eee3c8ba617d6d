//! Notifications that are scheduled for one second.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{held_back, token};
use tidings_tests::bench::stack::Stack;

/// The number of publishers.
const AT_ONCE: usize = 32;

/// The least time before its time at which a notification is scheduled, in milliseconds.
const AHEAD: i64 = 15_000;

/// The least number that are scheduled in a second.
const SLOWEST: i64 = 40;

const LOOK: Duration = Duration::from_millis(250);

/// The results.
pub(crate) struct Due {
    /// The time that scheduling them took.
    pub(crate) took: Duration,
    /// The number of times that a publisher had to send once more.
    pub(crate) again: usize,
    /// The delay with which each was sent, in milliseconds, in ascending order.
    pub(crate) late: Vec<i64>,
    /// The number that were not sent.
    pub(crate) missing: usize,
    /// The number of writes that the limits held back.
    pub(crate) held_back: u64,
}

/// Schedules them, one to each user, and waits until they are sent.
pub(crate) async fn measure(stack: &Stack, count: u32) -> Due {
    let client = Client::new();
    let publisher = token(&json!({"sub": "bench", "publish": ["*"]}));
    let now = Timestamp::now().as_millisecond();
    let due = (now + i64::from(count) * 1000 / SLOWEST + AHEAD) / 1000 * 1000;
    let due_text = Timestamp::from_millisecond(due).unwrap().to_string();
    let before = held_back(stack, "Schedule").await;
    let begun = Instant::now();
    let sending = (0..count).map(|nth| {
        let body = json!({"to": format!("user:due{nth}"), "body": "x", "deliver_at": due_text}).to_string();
        let request = client.post(format!("{}/v1/notifications", stack.address("http"))).bearer_auth(&publisher);
        async move {
            let mut again = 0;
            while !request.try_clone().unwrap().body(body.clone()).send().await.unwrap().status().is_success() {
                again += 1;
                sleep(Duration::from_secs(1)).await;
            }
            again
        }
    });
    let again = stream::iter(sending).buffer_unordered(AT_ONCE).collect::<Vec<usize>>().await.iter().sum();
    let took = begun.elapsed();
    let left = due - Timestamp::now().as_millisecond();
    sleep(Duration::from_millis(u64::try_from(left).expect("scheduling took longer than was foreseen"))).await;
    until_quiet(stack).await;
    let mut late: Vec<i64> = sent(stack).await.into_iter().map(|sent_at| sent_at - due).collect();
    late.sort_unstable();
    let missing = (count as usize).saturating_sub(late.len());
    Due { took, again, late, missing, held_back: held_back(stack, "Schedule").await - before }
}

/// Waits until the due queue holds nothing.
async fn until_quiet(stack: &Stack) {
    loop {
        let queues = stack.control(Method::GET, "queues").await;
        let due = queues.as_array().unwrap().iter().find(|queue| queue["queue"] == "DueQueue").unwrap();
        if ["visible", "in_flight", "delayed"].iter().all(|count| due[count] == 0) {
            return;
        }
        sleep(LOOK).await;
    }
}

/// When each was sent, in milliseconds since 1970.
async fn sent(stack: &Stack) -> Vec<i64> {
    let mut scan = json!({"TableName": stack.table("Schedule").await, "ConsistentRead": true});
    let mut sent = Vec::new();
    loop {
        let mut answer = stack.aws("DynamoDB_20120810.Scan", scan.to_string()).await;
        let done = answer["Items"].as_array().unwrap().iter().filter(|row| row["done"]["BOOL"] == true);
        sent.extend(done.map(|row| row["sent_at"]["N"].as_str().unwrap().parse::<i64>().unwrap()));
        scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
        if scan["ExclusiveStartKey"] == Value::Null {
            return sent;
        }
    }
}
