//! DynamoDB's requests and answers: tables, rights and costs.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    StatusCode,
    header::{CONTENT_LENGTH, HeaderValue},
    http::{request::Parts, response},
};
use serde_json::{Value, json};

use super::{
    super::{
        ledger::{Cost, Performed},
        protocol::json::{JSON_1_0, error},
    },
    database::Database,
};
use crate::{faults::Action, iam::Right, serve::Response, template::arn};

const SERVICE: &str = "com.amazonaws.dynamodb.v20120810#";
const PLATFORM: &str = "com.amazon.coral.service#";
const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling \
                         your table or index so please try again shortly.";

/// The operations whose rights are known: reads, then writes, then operations that cost nothing.
pub(crate) const OPERATIONS: [&str; 12] = [
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "TransactGetItems",
    "PutItem",
    "UpdateItem",
    "DeleteItem",
    "BatchWriteItem",
    "TransactWriteItems",
    "DescribeTable",
    "DescribeTimeToLive",
];
const READS: usize = 5;
const COUNTED: usize = 10;

fn reads(operation: &str) -> bool {
    OPERATIONS[..READS].contains(&operation)
}

/// The names of the tables that a request touches.
pub(crate) fn tables(operation: &str, body: &Value) -> Vec<String> {
    let mut tables: Vec<String> = needed(operation, body).into_iter().map(|(_, table, _)| table).collect();
    tables.sort();
    tables.dedup();
    tables
}

/// The texts in a request's keys, items and values, at any depth.
pub(crate) fn texts(request: &Value) -> Vec<String> {
    let within = |values: Vec<&Value>| values.into_iter().flat_map(texts).collect();
    match request {
        Value::Object(fields) => match fields.get("S") {
            Some(Value::String(text)) => vec![text.clone()],
            _ => within(fields.values().collect()),
        },
        Value::Array(values) => within(values.iter().collect()),
        _ => Vec::new(),
    }
}

/// The rights that a request needs; none if the operation is not known or names no table.
pub(crate) fn rights(operation: &str, body: &Value) -> Vec<Right> {
    let rights = needed(operation, body).into_iter().map(|(action, table, index)| {
        let index = index.map(|index| format!("/index/{index}")).unwrap_or_default();
        let resource = arn("dynamodb", &format!("table/{table}{index}"));
        Right::new(format!("dynamodb:{action}"), resource)
    });
    rights.collect()
}

/// Action, table and index of everything in the request.
fn needed(operation: &str, body: &Value) -> Vec<(String, String, Option<String>)> {
    let table = |of: &Value| of["TableName"].as_str().map(table_name);
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let batch = body["RequestItems"].as_object().into_iter().flatten();
            batch.map(|(name, _)| (operation.to_owned(), table_name(name), None)).collect()
        }
        "TransactGetItems" | "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            let actions = items.filter_map(Value::as_object).flatten();
            // Put, Update, Delete, Get and ConditionCheck each need the action of that name.
            actions.filter_map(|(kind, item)| Some((format!("{kind}Item"), table(item)?, None))).collect()
        }
        known if OPERATIONS.contains(&known) => {
            let index = body["IndexName"].as_str().map(str::to_owned);
            table(body).map(|table| (known.to_owned(), table, index)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a read is strongly consistent; `None` if the operation does not read items.
pub(crate) fn consistent(operation: &str, body: &Value) -> Option<bool> {
    let asks = |request: &Value| request["ConsistentRead"] == true;
    match operation {
        "TransactGetItems" => Some(true),
        "BatchGetItem" => Some(body["RequestItems"].as_object().is_some_and(|tables| tables.values().all(asks))),
        read => reads(read).then(|| asks(body)),
    }
}

/// A table may be named by its ARN too.
pub(crate) fn table_name(name: &str) -> String {
    name.rsplit_once("table/").map_or(name, |(_, name)| name).to_owned()
}

/// Has the engine answer, and records the cost even if the caller did not ask for it.
pub(crate) async fn perform(
    database: &Database,
    operation: &str,
    parts: &Parts,
    body: Bytes,
    request: &Value,
) -> Performed {
    let counted = OPERATIONS[..COUNTED].contains(&operation);
    let asked = request.get("ReturnConsumedCapacity").is_some_and(|mode| mode != "NONE");
    let hide = counted && !asked && request.is_object();
    let body = if hide { with_capacity(request) } else { body };
    match database.call(parts, body).await {
        Ok(response) => account(operation, response, hide),
        Err(why) => Performed::free(failure(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &why)),
    }
}

fn with_capacity(request: &Value) -> Bytes {
    let mut request = request.clone();
    request["ReturnConsumedCapacity"] = json!("TOTAL");
    request.to_string().into()
}

fn account(operation: &str, response: hyper::Response<Bytes>, hide: bool) -> Performed {
    let (mut parts, mut body) = response.into_parts();
    let mut value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let consumed = match value.get("ConsumedCapacity") {
        Some(Value::Array(several)) => several.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    if hide && value.as_object_mut().is_some_and(|object| object.remove("ConsumedCapacity").is_some()) {
        body = replaced(&mut parts, &value);
    }
    let units: f64 = consumed.iter().filter_map(|one| one["CapacityUnits"].as_f64()).sum();
    let (read_units, write_units) = if reads(operation) { (units, 0.0) } else { (0.0, units) };
    let error = value["__type"].as_str().map(|name| name.rsplit('#').next().unwrap_or(name).to_owned());
    let cost = Cost { read_units, write_units, consumed };
    Performed { response: Response::from_parts(parts, Full::new(body)), error, cost }
}

/// A new body, with the headers that depend on it.
pub(super) fn replaced(parts: &mut response::Parts, value: &Value) -> Bytes {
    let body = Bytes::from(value.to_string());
    parts.headers.insert("x-amz-crc32", HeaderValue::from(crc32fast::hash(&body)));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    body
}

/// The answer to a call that the policy does not allow.
pub(crate) fn denied(why: &str) -> Response {
    error(StatusCode::BAD_REQUEST, JSON_1_0, PLATFORM, "AccessDeniedException", why, json!({ "Message": why }))
}

/// The answer that a fault asks for.
pub(crate) fn refuse(action: &Action, request: &Value) -> Response {
    match action {
        Action::Error(name) => named_failure(name, request),
        Action::Status(429) => named_failure("ThrottlingException", request),
        Action::Status(503) => {
            failure(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", "The service is unavailable.")
        }
        Action::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let name = if status.is_server_error() { "InternalServerError" } else { "ValidationException" };
            failure(status, name, "A fault that was asked for")
        }
        _ => named_failure("InternalServerError", request),
    }
}

fn named_failure(name: &str, request: &Value) -> Response {
    let status =
        if name == "InternalServerError" { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::BAD_REQUEST };
    let message = match name {
        "InternalServerError" => "The request processing has failed because of an unknown error, exception or failure.",
        "ProvisionedThroughputExceededException" => {
            "The level of configured provisioned throughput for the table was exceeded. \
             Consider increasing your provisioning level with the UpdateTable API."
        }
        "ThrottlingException" => THROTTLED,
        "TransactionConflictException" => "Transaction is ongoing for the item",
        "TransactionCanceledException" => return cancelled(request),
        _ => "A fault that was asked for",
    };
    failure(status, name, message)
}

/// A transaction whose first item met another transaction.
fn cancelled(request: &Value) -> Response {
    let mut reasons = vec![json!({ "Code": "None" }); request["TransactItems"].as_array().map_or(1, Vec::len)];
    if let Some(first) = reasons.first_mut() {
        *first = json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
    }
    cancelled_for(reasons)
}

/// The answer to a call that a limit holds back: to a transaction, with the writes that the limit does not admit.
pub(super) fn throttled(operation: &str, admitted: &[bool]) -> Response {
    if operation != "TransactWriteItems" {
        return named_failure("ThrottlingException", &Value::Null);
    }
    let throttled = json!({ "Code": "ThrottlingError", "Message": THROTTLED });
    let reason = |admitted: &bool| if *admitted { json!({ "Code": "None" }) } else { throttled.clone() };
    cancelled_for(admitted.iter().map(reason).collect())
}

/// A transaction that was cancelled for these reasons, one for each of its items.
fn cancelled_for(reasons: Vec<Value>) -> Response {
    let codes: Vec<&str> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
    let message =
        format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{}]", codes.join(", "));
    let more = json!({ "Message": message, "CancellationReasons": reasons });
    error(StatusCode::BAD_REQUEST, JSON_1_0, SERVICE, "TransactionCanceledException", &message, more)
}

fn failure(status: StatusCode, name: &str, message: &str) -> Response {
    error(status, JSON_1_0, SERVICE, name, message, json!({}))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn a_transaction_needs_the_right_of_each_of_its_items() {
        let body = json!({"TransactItems": [
            {"Put": {"TableName": "a"}},
            {"ConditionCheck": {"TableName": "arn:aws:dynamodb:us-east-1:123456789012:table/b"}},
        ]});
        let right = |action: &str, table: &str| {
            Right::new(action, format!("arn:aws:dynamodb:us-east-1:123456789012:table/{table}"))
        };
        let expected = [right("dynamodb:PutItem", "a"), right("dynamodb:ConditionCheckItem", "b")];
        assert_eq!(rights("TransactWriteItems", &body), expected);
        assert_eq!(tables("TransactWriteItems", &body), ["a", "b"]);
    }

    #[test]
    fn a_batch_needs_its_own_right_on_each_table_and_an_index_is_a_resource() {
        assert_eq!(rights("BatchWriteItem", &json!({"RequestItems": {"a": []}}))[0].action, "dynamodb:BatchWriteItem");
        let query = rights("Query", &json!({"TableName": "a", "IndexName": "i"}));
        assert!(query[0].resource.ends_with("table/a/index/i"));
    }

    #[test]
    fn no_right_is_known_for_an_unknown_operation_or_without_a_table() {
        assert_eq!(rights("ExecuteStatement", &json!({"Statement": "SELECT * FROM a", "TableName": "a"})), []);
        assert_eq!(rights("ListTables", &json!({})), []);
        assert_eq!(rights("BatchWriteItem", &json!({"TableName": "a"})), []);
    }

    #[test]
    fn texts_are_found_in_keys_items_and_values() {
        let put =
            json!({"Put": {"Item": {"channel": {"S": "a"}, "seq": {"N": "1"}, "more": {"M": {"S": {"S": "b"}}}}}});
        let body = json!({"TransactItems": [put, {"Update": {"ExpressionAttributeValues": {":x": {"S": "c"}}}}]});
        let mut texts = texts(&body);
        texts.sort();
        assert_eq!(texts, ["a", "b", "c"]);
    }

    #[test]
    fn a_read_is_consistent_if_it_asks() {
        assert_eq!(consistent("Query", &json!({"ConsistentRead": true})), Some(true));
        assert_eq!(consistent("GetItem", &json!({})), Some(false));
        let batch = json!({"RequestItems": {"a": {"ConsistentRead": true}, "b": {}}});
        assert_eq!(consistent("BatchGetItem", &batch), Some(false));
        assert_eq!(consistent("PutItem", &json!({})), None);
    }

    #[test]
    fn capacity_is_counted_and_hidden_from_who_did_not_ask() {
        let body = r#"{"ConsumedCapacity":{"TableName":"t","CapacityUnits":2.0},"Item":{}}"#;
        let performed = account("GetItem", hyper::Response::new(body.into()), true);
        assert!((performed.cost.read_units - 2.0).abs() < f64::EPSILON);
        let checksum = crc32fast::hash(br#"{"Item":{}}"#).to_string();
        assert_eq!(performed.response.headers()["x-amz-crc32"], checksum);
    }

    #[tokio::test]
    async fn a_transaction_says_which_of_its_writes_a_limit_holds_back() {
        let response = throttled("TransactWriteItems", &[true, false]);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["CancellationReasons"][0], json!({"Code": "None"}));
        assert_eq!(body["CancellationReasons"][1]["Code"], "ThrottlingError");
        assert!(body["Message"].as_str().is_some_and(|text| text.ends_with("[None, ThrottlingError]")), "{body}");
        let plain = throttled("PutItem", &[false]);
        assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
        assert_eq!(plain.headers()["x-amzn-errortype"], "ThrottlingException");
    }

    #[tokio::test]
    async fn a_cancelled_transaction_says_which_item_met_another() {
        let request = json!({"TransactItems": [{"Put": {}}, {"Delete": {}}]});
        let response = refuse(&Action::Error("TransactionCanceledException".to_owned()), &request);
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(body["__type"], "com.amazonaws.dynamodb.v20120810#TransactionCanceledException");
        assert_eq!(body["CancellationReasons"][0]["Code"], "TransactionConflict");
        assert_eq!(body["CancellationReasons"][1], json!({"Code": "None"}));
        assert!(body["Message"].as_str().is_some_and(|text| text.ends_with("[TransactionConflict, None]")), "{body}");
    }
}
