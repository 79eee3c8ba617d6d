//! Request units are counted, not guessed. The figures stand in docs/design/costs-in-units.md.
//!
//! AWS's rules for on-demand tables: a write of up to 1 KB is one unit, a consistent read of up to 4 KB is one, an
//! eventually consistent one half, and in a transaction all of it doubles
//! (docs.aws.amazon.com/amazondynamodb/latest/developerguide/capacity-unit-calculations.html).

use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::later::{look, schedule};
use crate::harness::{Stack, root};

/// The cost of one function's calls of DynamoDB.
#[derive(Debug, PartialEq)]
pub(crate) struct Cost {
    operations: Vec<String>,
    read: f64,
    write: f64,
}

pub(crate) fn cost(operations: &[&str], read: f64, write: f64) -> Cost {
    Cost { operations: operations.iter().map(ToString::to_string).collect(), read, write }
}

async fn spent(stack: &Stack, function: &str) -> Cost {
    let calls = stack.calls().await;
    let of = |call: &&Value| call["function"] == function && call["service"] == "dynamodb";
    let mut operations: Vec<_> =
        calls.iter().filter(of).map(|call| call["operation"].as_str().unwrap().to_owned()).collect();
    operations.sort();
    let sum = |field: &str| calls.iter().filter(of).map(|call| call[field].as_f64().unwrap()).sum();
    Cost { operations, read: sum("read_units"), write: sum("write_units") }
}

async fn until_disconnected(stack: &Stack, times: u64) {
    let done = || async {
        let processes = stack.control(Method::GET, "processes", None).await;
        let is_done = |p: &Value| p["function"] == "Disconnect" && p["state"] == "frozen" && p["invocations"] == times;
        processes.as_array().unwrap().iter().any(is_done)
    };
    stack.until("$disconnect is done", done).await;
}

#[tokio::test]
async fn connect_disconnect_and_send_cost_what_the_units_page_says() {
    let stack = Stack::start().await;
    let alice = stack.connect("alice").await;
    let connect = spent(&stack, "Connect").await;
    assert_eq!(connect, cost(&["PutItem", "Query"], 1.0, 1.0));

    stack.send("user:alice", "the first starts the log").await;
    let first = spent(&stack, "Send").await;
    assert_eq!(first, cost(&["GetItem", "Query", "Query", "Query", "TransactWriteItems"], 4.0, 4.0));

    stack.forget_calls().await;
    stack.send("user:alice", "x").await;
    let send = spent(&stack, "Send").await;
    assert_eq!(send, cost(&["PutItem", "Query", "Query"], 2.0, 1.0));

    stack.forget_calls().await;
    stack.post_under("k", &json!({"to": "user:alice", "body": "x"})).await;
    let keyed = spent(&stack, "Send").await;
    assert_eq!(keyed, cost(&["GetItem", "Query", "Query", "TransactWriteItems", "UpdateItem"], 3.0, 5.0));

    stack.forget_calls().await;
    alice.close().await;
    until_disconnected(&stack, 1).await;
    let disconnect = spent(&stack, "Disconnect").await;
    assert_eq!(disconnect, cost(&["DeleteItem"], 0.0, 1.0));

    stack.forget_calls().await;
    let claims = json!({"sub": "alice", "subscribe": ["t:*"], "channels": ["t:a", "t:b"]});
    let alice = stack.connect_with(&claims).await;
    let connect_more = spent(&stack, "Connect").await;
    assert_eq!(connect_more, cost(&["BatchWriteItem", "GetItem", "PutItem", "Query"], 2.0, 3.0));

    // Three of the units are the log's, which is empty.
    let mut alice = alice;
    stack.forget_calls().await;
    alice.ask(json!({"action": "subscribe", "channel": "t:a", "after": 0})).await;
    let again = spent(&stack, "Message").await;
    assert_eq!(again, cost(&["GetItem", "GetItem", "GetItem", "GetItem", "Query", "Query"], 5.5, 0.0));
    stack.forget_calls().await;
    alice.ask(json!({"action": "subscribe", "channel": "t:c", "after": 0})).await;
    let join = spent(&stack, "Message").await;
    let operations = ["GetItem", "GetItem", "GetItem", "GetItem", "PutItem", "Query", "Query", "UpdateItem"];
    assert_eq!(join, cost(&operations, 5.5, 2.0));
    stack.forget_calls().await;
    alice.ask(json!({"action": "unsubscribe", "channel": "t:c"})).await;
    let leave = spent(&stack, "Message").await;
    assert_eq!(leave, cost(&["DeleteItem", "GetItem", "UpdateItem"], 1.0, 2.0));
    alice.close().await;
    until_disconnected(&stack, 2).await;
    let disconnect_more = spent(&stack, "Disconnect").await;
    assert_eq!(disconnect_more, cost(&["BatchWriteItem", "DeleteItem"], 0.0, 3.0));

    assert_page_has(&[
        ("connect", connect),
        ("disconnect", disconnect),
        ("send", send),
        ("send, with a key", keyed),
        ("send, the first to a channel", first),
        ("connect, with two further channels", connect_more),
        ("disconnect, with two further channels", disconnect_more),
        ("subscribe to a channel that is joined", again),
        ("subscribe to another one", join),
        ("unsubscribe", leave),
    ]);
}

pub(crate) fn assert_page_has(rows: &[(&str, Cost)]) {
    const PAGE: &str = "docs/design/costs-in-units.md";
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    for (name, cost) in rows {
        let row = format!("| {name} | {} | {} |", cost.write, cost.read);
        assert!(page.contains(&row), "{PAGE} lacks: {row}");
    }
}

#[tokio::test]
async fn an_endpoint_costs_what_the_units_page_says() {
    let stack = Stack::start().await;
    stack.send("topic:builds", "x").await;
    stack.forget_calls().await;
    let webhook = json!({"kind": "webhook", "url": "https://hooks.example.com/"});
    let id = stack.add_endpoint("topic:builds", &webhook).await["id"].clone();
    let add = spent(&stack, "Send").await;
    assert_eq!(add, cost(&["GetItem", "PutItem", "Query", "Query"], 3.0, 1.0));

    stack.forget_calls().await;
    assert_eq!(stack.add_endpoint("topic:builds", &webhook).await["id"], id);
    let again = spent(&stack, "Send").await;
    assert_eq!(again, cost(&["Query", "UpdateItem"], 1.0, 1.0));
    assert_page_has(&[("add an endpoint", add), ("add it again", again)]);
}

#[tokio::test]
async fn what_is_sent_later_costs_what_the_units_page_says() {
    let stack = Stack::start().await;
    stack.stop_sweeps().await;
    let _alice = stack.connect("alice").await;
    stack.send("user:alice", "the first starts the log").await;
    stack.forget_calls().await;
    // Under 1 KB as a row, with all that the row says besides.
    let body = json!({"to": "user:alice", "title": "Standup", "body": "x".repeat(400), "delay": "2s"});
    let (id, _) = schedule(&stack, &body).await;
    let scheduled = spent(&stack, "Send").await;
    assert_eq!(scheduled, cost(&["PutItem"], 0.0, 1.0));
    // The read of `look` is Send's, and not counted.
    stack.until("it is sent", || async { look(&stack, &id).await["state"] == "sent" }).await;
    let is_done = || async { stack.rows("Schedule").await.iter().any(|row| row["done"]["BOOL"] == true) };
    stack.until("it is done", is_done).await;
    let delivered = spent(&stack, "Deliver").await;
    assert_eq!(delivered, cost(&["GetItem", "Query", "Query", "TransactWriteItems", "UpdateItem"], 3.0, 5.0));
    let total = scheduled.write + delivered.write;
    assert!(total <= 6.0, "{total} write units from send to done");

    stack.forget_calls().await;
    stack.sweep().await;
    stack.forget_calls().await;
    stack.sweep().await;
    let sweep = spent(&stack, "Sweeper").await;
    assert_eq!(sweep.write, 1.0);
    assert!(sweep.operations.len() <= 40, "{} requests for a sweep with nothing to do", sweep.operations.len());
    assert_page_has(&[("schedule", scheduled), ("deliver what was scheduled", delivered)]);
}

/// The stand-in counts as AWS's page says, so that what is counted above means something.
#[tokio::test]
async fn the_stand_in_counts_units_by_awss_rules() {
    let stack = Stack::start().await;
    let table = stack.table("Notifications").await;
    let kilobytes = |n: usize| json!({"S": "x".repeat(n * 1024 - 100)});
    let key = json!({"channel": {"S": "t:a"}, "seq": {"N": "1"}});
    let units = async |operation: &str, mut body: Value| {
        body["ReturnConsumedCapacity"] = json!("TOTAL");
        let answer = stack.dynamodb(operation, &body).await;
        let consumed = &answer["ConsumedCapacity"];
        consumed.get(0).unwrap_or(consumed)["CapacityUnits"].as_f64().unwrap()
    };
    for (size, units_of_a_write) in [(1, 1.0), (3, 3.0), (9, 9.0)] {
        let mut item = key.clone();
        item["content"] = kilobytes(size);
        let put = json!({"TableName": table, "Item": item});
        assert_eq!(units("PutItem", put.clone()).await, units_of_a_write, "{size} KB");
        let transaction = json!({"TransactItems": [{"Put": put}]});
        assert_eq!(
            units("TransactWriteItems", transaction).await,
            2.0 * units_of_a_write,
            "{size} KB in a transaction"
        );
    }
    let get = |consistent: bool| json!({"TableName": table, "Key": key, "ConsistentRead": consistent});
    assert_eq!(units("GetItem", get(true)).await, 3.0, "9 KB are three times 4 KB");
    assert_eq!(units("GetItem", get(false)).await, 1.5);
    let query = json!({
        "TableName": table, "ConsistentRead": true, "KeyConditionExpression": "channel = :c",
        "ExpressionAttributeValues": {":c": {"S": "t:a"}},
    });
    assert_eq!(units("Query", query).await, 3.0);
    let delete = json!({"TableName": table, "Key": {"channel": {"S": "t:none"}, "seq": {"N": "1"}}});
    assert_eq!(units("DeleteItem", delete).await, 1.0, "also of what is not there");
}

/// A reader must not miss a notification that a sender was answered is stored, nor a sender a reader who has just
/// subscribed. The stand-in's reads are always consistent, so only the requests show whether consistency was asked for.
#[tokio::test]
async fn every_read_but_counts_and_allowances_asks_for_consistency() {
    let stack = Stack::start().await;
    let mut alice = stack.connect_with(&json!({"sub": "alice", "subscribe": ["t:*"], "publish": ["*"]})).await;
    for after in [None, Some(0), Some(9)] {
        for channel in ["user:alice", "t:a"] {
            alice.ask(json!({"action": "subscribe", "channel": channel, "after": after})).await;
            alice.ask(json!({"action": "publish", "to": channel, "body": "x", "key": channel})).await;
        }
    }
    alice.ask(json!({"action": "read", "channel": "user:alice", "seq": 1})).await;
    alice.ask(json!({"action": "unsubscribe", "channel": "t:a"})).await;
    stack.send("user:alice", "x").await;
    let reads =
        |calls: Vec<Value>| calls.into_iter().filter(|call| call["consistent"].is_boolean()).collect::<Vec<_>>();
    let seen = reads(stack.calls().await);
    assert!(seen.len() > 20, "{}", seen.len());
    // How much the user may have read is asked for first, by each of the seven; what it misses counts the next time.
    let (consistent, lax): (Vec<_>, Vec<_>) = seen.into_iter().partition(|call| call["consistent"] == true);
    assert!(!consistent.is_empty());
    assert_eq!(lax.len(), 7, "{lax:?}");
    for call in lax {
        assert_eq!(call["operation"], "GetItem", "{call}");
        assert!(call["rights"][0]["resource"].as_str().unwrap().contains("Once"), "{call}");
    }
    stack.forget_calls().await;
    stack.channel("t:a").await;
    let counts = reads(stack.calls().await).iter().filter(|call| call["consistent"] == false).count();
    assert_eq!(counts, 3, "how many connections and endpoints there are need not be, nor what the reader has read");
}
