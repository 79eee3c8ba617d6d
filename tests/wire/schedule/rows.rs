//! Rows of the schedule, moved to another time: nobody waits for an hour.

use serde_json::{Value, json};

use crate::harness::Stack;

/// When what has this id is due, in milliseconds since 1970: an id is a UUID of version 7.
fn due(id: &str) -> i64 {
    i64::from_str_radix(&id.replace('-', "")[..12], 16).unwrap()
}

/// When what a row is about is due, likewise.
pub(crate) fn due_of(row: &Value) -> i64 {
    due(row["id"]["S"].as_str().unwrap())
}

/// Where the row of an id is: its minute and its shard.
pub(super) fn bucket(id: &str) -> String {
    let minute = jiff::Timestamp::from_millisecond(due(id)).unwrap().to_string();
    let shard = u8::from_str_radix(&id[35..], 16).unwrap() & 7;
    format!("{}#{shard}", &minute[..16])
}

/// The row of a notification, or of a series.
pub(crate) async fn row(stack: &Stack, id: &str) -> Value {
    let rows = stack.rows("Schedule").await;
    rows.into_iter().find(|row| row["id"]["S"] == id).unwrap()
}

async fn put(stack: &Stack, row: &Value) {
    let table = stack.table("Schedule").await;
    stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
}

/// Makes a notification due at another time, in milliseconds since 1970, with further attributes; gives its new id.
pub(crate) async fn make_due(stack: &Stack, id: &str, at: i64, attributes: Value) -> String {
    let mut row = row(stack, id).await;
    let hex = format!("{at:012x}{}", &id.replace('-', "")[12..]);
    let new = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    let key = json!({"bucket": row["bucket"], "id": row["id"]});
    row["id"] = json!({"S": new});
    row["bucket"] = json!({"S": bucket(&new)});
    row.as_object_mut().unwrap().extend(attributes.as_object().unwrap().clone());
    put(stack, &row).await;
    let table = stack.table("Schedule").await;
    stack.dynamodb("DeleteItem", &json!({"TableName": table, "Key": key})).await;
    new
}

/// The pending notification of a series, made due at another time.
pub(crate) async fn make_series_due(stack: &Stack, series: &str, at: i64, attributes: Value) -> String {
    let mut own = row(stack, series).await;
    let new = make_due(stack, own["current"]["S"].as_str().unwrap(), at, attributes).await;
    own["current"] = json!({"S": new});
    put(stack, &own).await;
    new
}

/// Gives `deliver` a message for a notification.
pub(crate) async fn wake(stack: &Stack, id: &str) {
    let url = stack.queue_url("DueQueue").await;
    let body = json!({"v": 1, "id": id}).to_string();
    let (status, answer) =
        stack.aws_call("AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": body})).await;
    assert_eq!(status, 200, "{answer}");
}
