//! Looking into the tables, and changing them, over DynamoDB's own wire.

use serde_json::{Value, json};

use super::Stack;

impl Stack {
    /// One operation, which must succeed. A fault of the test's own may meet it, as it meets the functions, which try again.
    pub(crate) async fn dynamodb(&self, operation: &str, body: &Value) -> Value {
        for _ in 0..20 {
            let (status, answer) = self.aws_call(&format!("DynamoDB_20120810.{operation}"), body).await;
            if status == 200 {
                return answer;
            }
            let is_throttled = answer.to_string().contains("Throttling") || answer.to_string().contains("Throughput");
            assert!(is_throttled, "{operation}: {status} {answer}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{operation} is throttled at every try");
    }

    /// The physical name of one of the template's tables.
    pub(crate) async fn table(&self, logical: &str) -> String {
        let tables = self.dynamodb("ListTables", &json!({})).await;
        let mut names = tables["TableNames"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        names.find(|name| name.contains(logical)).unwrap().to_owned()
    }

    /// All rows of a table.
    pub(crate) async fn rows(&self, logical: &str) -> Vec<Value> {
        let table = self.table(logical).await;
        let answer = self.dynamodb("Scan", &json!({"TableName": table, "ConsistentRead": true})).await;
        answer["Items"].as_array().unwrap().clone()
    }

    /// All rows of a table, however many: what one answer does not hold comes with the next.
    pub(crate) async fn all_rows(&self, logical: &str) -> Vec<Value> {
        let mut scan = json!({"TableName": self.table(logical).await, "ConsistentRead": true});
        let mut rows = Vec::new();
        loop {
            let mut answer = self.dynamodb("Scan", &scan).await;
            let Value::Array(page) = answer["Items"].take() else { panic!("a scan without items") };
            rows.extend(page);
            scan["ExclusiveStartKey"] = answer["LastEvaluatedKey"].take();
            if scan["ExclusiveStartKey"].is_null() {
                return rows;
            }
        }
    }

    /// The rows of a channel's log, in order.
    pub(crate) async fn log_rows(&self, channel: &str) -> Vec<Value> {
        let table = self.table("Notifications").await;
        let answer = self
            .dynamodb(
                "Query",
                &json!({
                    "TableName": table,
                    "ConsistentRead": true,
                    "KeyConditionExpression": "channel = :c AND seq > :zero",
                    "ExpressionAttributeValues": {":c": {"S": channel}, ":zero": {"N": "0"}},
                }),
            )
            .await;
        answer["Items"].as_array().unwrap().clone()
    }

    /// The seqs in a channel's log, in order.
    pub(crate) async fn seqs(&self, channel: &str) -> Vec<u64> {
        let rows = self.log_rows(channel).await;
        rows.iter().map(|row| row["seq"]["N"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Sets when a log's row expires for readers, in seconds since 1970; DynamoDB may delete it two days later.
    pub(crate) async fn expire(&self, channel: &str, seq: u64, at: u64) {
        let table = self.table("Notifications").await;
        self.dynamodb(
            "UpdateItem",
            &json!({
                "TableName": table,
                "Key": {"channel": {"S": channel}, "seq": {"N": seq.to_string()}},
                "UpdateExpression": "SET readable_until = :at, expires_at = :ttl",
                "ExpressionAttributeValues":
                    {":at": {"N": at.to_string()}, ":ttl": {"N": (at + 2 * 24 * 3600).to_string()}},
            }),
        )
        .await;
    }

    /// Deletes a log's row, as DynamoDB's TTL does.
    pub(crate) async fn delete_row(&self, channel: &str, seq: u64) {
        let table = self.table("Notifications").await;
        let key = json!({"channel": {"S": channel}, "seq": {"N": seq.to_string()}});
        self.dynamodb("DeleteItem", &json!({"TableName": table, "Key": key})).await;
    }
}
