//! The tables, as DynamoDB would answer for them: one channel with so many connections, and one notification in its log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) const CHANNEL: &str = "topic:bench";

/// Far enough ahead, in seconds since 1970.
const LATER: &str = "4000000000";

/// The keys of so many connections: four digits of a hash, as good as any, and an id like API Gateway's.
pub(crate) fn keys(count: usize) -> BTreeSet<String> {
    (0..count as u64)
        .map(|n| format!("{:04x}Kx7tRc{n:07}oAMCJ5w=", n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 48))
        .collect()
}

/// A notification whose frame is about 1 KB.
pub(crate) fn notification() -> Value {
    let content = json!({"title": "A notification", "body": "x".repeat(860)}).to_string();
    json!({"Item": {
        "channel": {"S": CHANNEL}, "seq": {"N": "1"}, "v": {"N": "1"}, "id": {"S": "01aa0000-0000-7000-8000-000000000000"},
        "sent_at": {"N": "1795290300123"}, "content": {"S": content}, "expires_at": {"N": LATER},
    }})
}

/// The answer to a query for subscribers.
pub(crate) fn page(keys: &BTreeSet<String>, query: &Value) -> Value {
    let digits = query["ExpressionAttributeValues"][":digits"]["S"].as_str().unwrap_or_default();
    let after = query["ExclusiveStartKey"]["subscriber"]["S"].as_str().unwrap_or_default();
    let limit = usize::try_from(query["Limit"].as_u64().unwrap()).unwrap();
    let from = digits.max(after).to_owned();
    let in_range = keys.range(from..).filter(|key| key.as_str() > after).take_while(|key| key.starts_with(digits));
    let found: Vec<&String> = in_range.take(limit).collect();
    let items: Vec<Value> = found
        .iter()
        .map(|key| {
            json!({
                "channel": {"S": CHANNEL}, "subscriber": {"S": key}, "v": {"N": "1"},
                "connected_at": {"N": "1"}, "ends_at": {"N": LATER}, "expires_at": {"N": LATER},
            })
        })
        .collect();
    let mut answer = json!({"Count": items.len(), "ScannedCount": items.len(), "Items": items});
    if found.len() == limit {
        answer["LastEvaluatedKey"] = json!({"channel": {"S": CHANNEL}, "subscriber": {"S": found[limit - 1]}});
    }
    answer
}
