//! Requests to DynamoDB, with limits that can hold some of their writes back.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::http::request::Parts;
use serde_json::{Map, Value, json};

use super::{super::ledger::Performed, database::Database, wire};
use crate::{
    faults::{Faults, Write},
    serve::Response,
    template::Table,
};

const BATCH: &str = "BatchWriteItem";

/// The names of the two writes in a batch, each with the field that has the key.
const BATCHED: [(&str, &str); 2] = [("PutRequest", "Item"), ("DeleteRequest", "Key")];

/// DynamoDB, as SDKs see it.
#[derive(Debug)]
pub(crate) struct DynamoDb {
    /// The engine.
    pub(crate) database: Arc<Database>,
    /// The tables as the template has them, by their names on AWS.
    pub(crate) tables: BTreeMap<String, Table>,
}

impl DynamoDb {
    /// The logical names of tables, by which a fault may name them.
    pub(crate) fn logical_names(&self, tables: &[String]) -> Vec<String> {
        let known = tables.iter().filter_map(|table| self.tables.get(table));
        known.map(|table| table.logical_name.clone()).collect()
    }

    /// Has the engine answer a request, within the limits on its writes.
    pub(crate) async fn answer(
        &self,
        faults: &Faults,
        operation: &str,
        parts: &Parts,
        body: Bytes,
        request: &Value,
    ) -> Performed {
        let writes = if faults.has_limits() { writes(operation, request, &self.tables) } else { Vec::new() };
        let admitted = faults.admit(&writes, operation != BATCH, Instant::now());
        let performed = if !admitted.contains(&false) {
            wire::perform(&self.database, operation, parts, body, request).await
        } else if operation == BATCH && admitted.contains(&true) {
            let (admitted, left) = split(request, &admitted);
            let body = admitted.to_string().into();
            let performed = wire::perform(&self.database, operation, parts, body, &admitted).await;
            Performed { response: with_unprocessed(performed.response, left).await, ..performed }
        } else {
            return Performed::free(wire::throttled(operation, &admitted));
        };
        for (write, more) in excess(&writes, &admitted, &performed.cost.consumed) {
            faults.charge(write, more, Instant::now());
        }
        performed
    }
}

/// The writes of a request, in their order; none if it writes nothing.
fn writes(operation: &str, request: &Value, tables: &BTreeMap<String, Table>) -> Vec<Write> {
    let write = |table: &str, item: &Value, units: f64| {
        let name = wire::table_name(table);
        let known = tables.get(&name);
        let key = known.map(|table| text(&item[&table.partition_key])).unwrap_or_default();
        let logical = known.map_or_else(|| name.clone(), |table| table.logical_name.clone());
        Write { table: [logical, name], key, units }
    };
    let of = |request: &Value, units: f64| {
        let item = if request["Item"].is_object() { &request["Item"] } else { &request["Key"] };
        write(request["TableName"].as_str().unwrap_or_default(), item, units)
    };
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![of(request, 1.0)],
        "TransactWriteItems" => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            items.filter_map(|item| item.as_object()?.values().next()).map(|item| of(item, 2.0)).collect()
        }
        BATCH => batched(request).map(|(table, entry)| write(table, item_of(entry), 1.0)).collect(),
        _ => Vec::new(),
    }
}

/// The entries of a batch, with their tables.
fn batched(request: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let tables = request["RequestItems"].as_object().into_iter().flatten();
    tables.flat_map(|(table, entries)| entries.as_array().into_iter().flatten().map(|entry| (table.as_str(), entry)))
}

fn item_of(entry: &Value) -> &Value {
    let found = BATCHED.iter().find(|(kind, _)| entry[kind].is_object());
    found.map_or(&Value::Null, |(kind, item)| &entry[kind][item])
}

/// A key attribute's value, whatever its type: `{"S": "topic:a"}`.
fn text(attribute: &Value) -> String {
    let value = attribute.as_object().and_then(|typed| typed.values().next());
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A batch of the admitted writes, and the other writes in the form that the answer lists them in.
fn split(request: &Value, admitted: &[bool]) -> (Value, Value) {
    let mut parts = [Map::new(), Map::new()];
    for ((table, entry), admitted) in batched(request).zip(admitted) {
        let entries = parts[usize::from(!admitted)].entry(table).or_insert_with(|| json!([]));
        entries.as_array_mut().into_iter().for_each(|entries| entries.push(entry.clone()));
    }
    let [now, left] = parts;
    let mut request = request.clone();
    request["RequestItems"] = Value::Object(now);
    (request, Value::Object(left))
}

/// The answer to a batch, with the writes that were held back.
async fn with_unprocessed(response: Response, left: Value) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await;
    let mut answer: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    if parts.status.is_success() {
        answer["UnprocessedItems"] = left;
    }
    let body = wire::replaced(&mut parts, &answer);
    Response::from_parts(parts, Full::new(body))
}

/// The units that the engine counted beyond those taken for each write when it was admitted. The engine counts by table: several
/// writes of one request to the same table share the cost.
fn excess<'a>(writes: &'a [Write], admitted: &[bool], consumed: &[Value]) -> Vec<(&'a Write, f64)> {
    let made: Vec<&Write> =
        writes.iter().zip(admitted).filter(|(_, admitted)| **admitted).map(|(write, _)| write).collect();
    let mut excess = Vec::new();
    for of in consumed {
        let of_table = || made.iter().filter(|write| of["TableName"] == write.table[1].as_str());
        let taken: f64 = of_table().map(|write| write.units).sum();
        let more = of["CapacityUnits"].as_f64().unwrap_or_default() - taken;
        let each = of_table().count() as f64;
        excess.extend(of_table().filter(|_| more > 0.0).map(|write| (*write, more / each)));
    }
    excess
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> BTreeMap<String, Table> {
        let table = Table {
            logical_name: "Rows".to_owned(),
            name: "some-Rows".to_owned(),
            definition: Value::Null,
            partition_key: "id".to_owned(),
            ttl_attribute: None,
        };
        [("some-Rows".to_owned(), table)].into()
    }

    fn keys(operation: &str, request: &Value) -> Vec<(String, f64)> {
        writes(operation, request, &tables()).into_iter().map(|write| (write.key, write.units)).collect()
    }

    fn batch() -> Value {
        json!({"RequestItems": {"some-Rows": [
            {"PutRequest": {"Item": {"id": {"S": "a"}, "n": {"N": "1"}}}},
            {"DeleteRequest": {"Key": {"id": {"S": "b"}, "n": {"N": "1"}}}},
        ]}})
    }

    #[test]
    fn each_write_has_its_partition_key_and_twice_the_units_in_a_transaction() {
        let name = "arn:aws:dynamodb:us-east-1:123456789012:table/some-Rows";
        let key = json!({"TableName": name, "Key": {"id": {"S": "k"}}});
        let item = json!({"TableName": "some-Rows", "Item": {"n": {"N": "7"}, "id": {"N": "5"}}});
        assert_eq!(keys("UpdateItem", &key), [("k".to_owned(), 1.0)]);
        assert_eq!(keys("PutItem", &item), [("5".to_owned(), 1.0)]);
        let all = json!({"TransactItems": [{"ConditionCheck": key}, {"Put": item}]});
        assert_eq!(keys("TransactWriteItems", &all), [("k".to_owned(), 2.0), ("5".to_owned(), 2.0)]);
        assert_eq!(keys(BATCH, &batch()), [("a".to_owned(), 1.0), ("b".to_owned(), 1.0)]);
        assert_eq!(keys("GetItem", &key), []);
        assert_eq!(writes("UpdateItem", &key, &tables())[0].table, ["Rows", "some-Rows"]);
    }

    #[test]
    fn of_a_batch_the_writes_that_a_limit_holds_back_are_left_unprocessed() {
        let (now, left) = split(&batch(), &[false, true]);
        let entries = &batch()["RequestItems"]["some-Rows"];
        assert_eq!(now, json!({"RequestItems": {"some-Rows": [entries[1]]}}));
        assert_eq!(left, json!({"some-Rows": [entries[0]]}));
    }

    #[test]
    fn what_a_write_costs_beyond_one_unit_is_taken_once_the_engine_has_counted_it() {
        let all = writes(BATCH, &batch(), &tables());
        let consumed = [json!({"TableName": "some-Rows", "CapacityUnits": 7.0})];
        let more = |admitted: [bool; 2]| -> Vec<(String, f64)> {
            excess(&all, &admitted, &consumed).into_iter().map(|(write, more)| (write.key.clone(), more)).collect()
        };
        assert_eq!(more([true, true]), [("a".to_owned(), 2.5), ("b".to_owned(), 2.5)]);
        assert_eq!(more([false, true]), [("b".to_owned(), 6.0)]);
        assert_eq!(excess(&all, &[true, true], &[]), []);
    }
}
