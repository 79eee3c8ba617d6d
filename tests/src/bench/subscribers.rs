//! Connections that exist as rows only, as `shared/src/aws/subscribers/connection.rs` lays them out.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde_json::json;

use super::batch::{BATCH, put};
use super::number::grouped;
use super::stack::Stack;

/// The number of batches on their way at once.
const AT_ONCE: usize = 16;

/// As long as an id of API Gateway's is, before it is written in base64.
const ID: usize = 11;

/// Has so many connections listen to a channel, none of which is so young that its `$connect` might still be running.
pub async fn write(stack: &Stack, channel: &str, count: u64) {
    let (table, now) = (stack.table("Subscribers").await, Timestamp::now().as_millisecond());
    let written = AtomicU64::new(0);
    let batches = (0..count).step_by(BATCH as usize).map(|first| {
        let (table, written) = (&table, &written);
        async move {
            let last = count.min(first + BATCH);
            put(stack, table, (first..last).map(|nth| row(channel, nth, now - 60_000))).await;
            let before = written.fetch_add(last - first, Ordering::Relaxed);
            let after = before + last - first;
            if before / 10_000 < after / 10_000 {
                eprintln!("{} of {} connections written", grouped(after), grouped(count));
            }
        }
    });
    stream::iter(batches).buffer_unordered(AT_ONCE).collect::<()>().await;
}

/// The number of a channel's rows.
pub async fn count(stack: &Stack, channel: &str) -> u64 {
    let mut query = json!({
        "TableName": stack.table("Subscribers").await,
        "KeyConditionExpression": "channel = :channel",
        "ExpressionAttributeValues": {":channel": {"S": channel}},
        "Select": "COUNT",
    });
    let mut count = 0;
    loop {
        let page = stack.aws("DynamoDB_20120810.Query", query.to_string()).await;
        count += page["Count"].as_u64().unwrap();
        let Some(last) = page.get("LastEvaluatedKey").filter(|last| !last.is_null()) else { return count };
        query["ExclusiveStartKey"] = last.clone();
    }
}

/// A row, in JSON, of a connection with an hour left. It is text, since a debug build takes long to put many values
/// together.
fn row(channel: &str, nth: u64, connected_at: i64) -> String {
    let id = BASE64_STANDARD.encode(&digest(&SHA256, format!("{channel} {nth}").as_bytes()).as_ref()[..ID]);
    let hash = digest(&SHA256, id.as_bytes());
    let (first, second) = (hash.as_ref()[0], hash.as_ref()[1]);
    let ends_at = connected_at / 1000 + 3600;
    let expires_at = connected_at / 1000 + 2 * 3600 + 300;
    let key = format!(r#""channel":{{"S":"{channel}"}},"subscriber":{{"S":"{first:02x}{second:02x}{id}"}}"#);
    let times = format!(r#""ends_at":{{"N":"{ends_at}"}},"expires_at":{{"N":"{expires_at}"}}"#);
    format!(r#"{{{key},"v":{{"N":"1"}},"connected_at":{{"N":"{connected_at}"}},{times}}}"#)
}
