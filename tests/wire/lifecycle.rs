//! Connections come and go, in any order.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Function, Socket, Stack};

/// The live rows in *Subscribers*.
pub(crate) async fn subscribers(stack: &Stack) -> Vec<Value> {
    stack.rows("Subscribers").await.into_iter().filter(|row| row.get("gone").is_none()).collect()
}

async fn until_forgotten(stack: &Stack) {
    stack.until("the connection's rows are gone", || async { subscribers(stack).await.is_empty() }).await;
}

/// A send to alice that nobody hears and nothing fails at.
async fn assert_nobody_listens(stack: &Stack) {
    stack.forget_calls().await;
    let answer = stack.post(&json!({"to": "user:alice", "body": "anybody?"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["connections"]), (202, &json!(0)));
    let posts = stack.calls().await.into_iter().filter(|call| call["service"] == "management").count();
    assert_eq!(posts, 0, "nobody was posted to");
}

#[tokio::test]
async fn a_closed_connection_leaves_no_row_in_any_of_its_channels() {
    let stack = Stack::start().await;
    let claims = json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:a", "topic:b"]});
    let mut alice = stack.connect_with(&claims).await;
    alice.ask(json!({"action": "subscribe", "channel": "topic:c"})).await;
    assert_eq!(subscribers(&stack).await.len(), 4);
    alice.close().await;
    until_forgotten(&stack).await;
    assert_nobody_listens(&stack).await;
}

#[tokio::test]
async fn a_connection_dropped_without_a_word_leaves_no_row() {
    let stack = Stack::start().await;
    stack.connect("alice").await.drop_abruptly();
    until_forgotten(&stack).await;
}

#[tokio::test]
async fn a_send_during_a_delayed_connect_leaves_the_connection_subscribed() {
    let stack = Stack::start().await;
    // `$connect` has done its work, but the gateway does not know yet: posts answer 410.
    stack.fault(json!({"on": "respond.Connect", "do": {"delay_ms": 4000}})).await;
    let token = stack.token(&json!({"sub": "alice"}));
    let opening = tokio::spawn({
        let url = format!("{}/?token={token}", stack.websocket);
        async move { Socket::open(&url, &[]).await.unwrap() }
    });
    stack.until("the row is written", || async { !subscribers(&stack).await.is_empty() }).await;
    stack.forget_calls().await;
    stack.send("user:alice", "during").await;
    let gone = stack.calls().await.into_iter().filter(|call| call["error"] == "GoneException").count();
    assert_eq!(gone, 1, "the post was answered 410");

    let mut alice = opening.await.unwrap();
    stack.send("user:alice", "after").await;
    assert_eq!(alice.item().await["body"], "after", "still subscribed");
    let (items, _) = alice.ask(json!({"action": "subscribe", "channel": "user:alice", "after": 0})).await;
    assert_eq!(items[0]["body"], "during", "and nothing is lost");
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn a_client_that_leaves_during_connect_leaves_nothing_behind() {
    let stack = Stack::start().await;
    stack.fault(json!({"on": "respond.Connect", "do": {"delay_ms": 1000}})).await;
    let token = stack.token(&json!({"sub": "alice"}));
    let url = format!("{}/?token={token}", stack.websocket);
    let opening = tokio::spawn(async move { Socket::open(&url, &[]).await.map(drop) });
    stack.until("the row is written", || async { !subscribers(&stack).await.is_empty() }).await;
    opening.abort();
    until_forgotten(&stack).await;
    assert_nobody_listens(&stack).await;
}

#[tokio::test]
async fn a_send_while_a_subscribe_joins_is_replayed_and_one_while_it_reads_is_pushed() {
    let stack = Stack::start().await;
    for (operation, by) in [("PutItem", "replay"), ("Query", "push")] {
        let mut alice = stack.connect_with(&json!({"sub": "alice", "subscribe": ["topic:*"]})).await;
        let channel = format!("topic:{by}");
        stack.send(&channel, "starts the log").await;
        let on = format!("dynamodb.{operation}");
        stack.fault(json!({"on": on, "function": "Message", "do": {"delay_ms": 1500}})).await;
        alice.send(&json!({"action": "subscribe", "channel": channel, "after": 1, "ref": 1})).await;
        let fired = || async { stack.control(Method::GET, "faults", None).await[0]["fired"] == 1 };
        stack.until("the subscribe is held up", fired).await;
        let answer = stack.post(&json!({"to": channel, "body": "beside"})).await;
        let pushed = usize::from(operation == "Query");
        assert_eq!(answer.body["channels"][0]["connections"], pushed, "{by}");
        assert_eq!(alice.item().await["body"], "beside", "{by}");
        if pushed == 1 {
            assert_eq!(alice.item().await["seq"], 2, "the replay has it too, and the seq tells");
        }
        assert_eq!(alice.next().await["type"], "subscribed", "{by}");
        stack.assert_faults_fired().await;
        alice.close().await;
    }
}

#[tokio::test]
async fn a_disconnect_while_connect_still_writes_leaves_nothing_behind() {
    let stack = Stack::start().await;
    let mut connect = Function::start(&stack, "Connect").await;
    let mut disconnect = Function::start(&stack, "Disconnect").await;
    until_forgotten(&stack).await;
    // The home is written; the rows of the other channels are not yet.
    stack.fault(json!({"on": "dynamodb.BatchWriteItem", "function": "Connect", "do": {"delay_ms": 2000}})).await;
    let at = events::now();
    let (opened, closed) = (events::of("Connect", "during=", at), events::of("Disconnect", "during=", at));
    let connecting = connect.invoke(&opened);
    let disconnecting = async {
        stack.until("the home is written", || async { !subscribers(&stack).await.is_empty() }).await;
        disconnect.invoke(&closed).await
    };
    let (connected, disconnected) = tokio::join!(connecting, disconnecting);
    assert_eq!((&connected["statusCode"], &disconnected["statusCode"]), (&json!(410), &json!(200)));
    assert_eq!(subscribers(&stack).await, Vec::<Value>::new());
    assert_nobody_listens(&stack).await;
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn a_publishers_own_row_stays_when_its_audience_is_gone() {
    let stack = Stack::start().await;
    let claims = json!({"sub": "bob", "publish": ["*"], "subscribe": ["topic:*"], "channels": ["topic:a"]});
    let mut bob = stack.connect_with(&claims).await;
    let others = stack.sockets().await;
    let _gone = stack.connect_with(&json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:a"]})).await;
    let vanished = stack.sockets().await.into_iter().find(|id| !others.contains(id)).unwrap();
    age(&stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", vanished.replace('=', "%3D")), None).await;
    let (items, published) = bob.ask(json!({"action": "publish", "to": "topic:a", "body": "x"})).await;
    assert_eq!((items.len(), &published["type"]), (1, &json!("published")));
    let left = subscribers(&stack).await;
    let of = |id: &str| left.iter().filter(|row| row["subscriber"]["S"].as_str().unwrap().contains(id)).count();
    assert_eq!((of(&others[0]), of(&vanished)), (2, 1), "only the row that was posted to is removed");
}

/// Runs a function on an event that API Gateway might deliver early, late or twice, as the gateway would.
pub(crate) mod events {
    use super::{Function, Stack, Value, json};

    /// Runs a process of its own on the event; nobody else is connected then.
    pub(crate) async fn deliver(stack: &Stack, function: &str, id: &str, connected_at: u64) -> Value {
        let mut process = Function::start(stack, function).await;
        stack.until("the warm-up's rows are gone", || async { !warms_up(stack).await }).await;
        process.invoke(&of(function, id, connected_at)).await
    }

    async fn warms_up(stack: &Stack) -> bool {
        stack.rows("Subscribers").await.iter().any(|row| row["channel"]["S"] == "user:warm-up")
    }

    pub(super) fn of(function: &str, id: &str, connected_at: u64) -> Value {
        let claims = json!({"sub": "alice", "exp": crate::harness::in_an_hour(),
                            "subscribe": ["topic:*"], "channels": ["topic:a"]});
        let route = if function == "Connect" { "$connect" } else { "$disconnect" };
        json!({
            "requestContext": {
                "routeKey": route, "eventType": route[1..].to_uppercase(), "connectionId": id,
                "connectedAt": connected_at, "requestTimeEpoch": connected_at,
                "authorizer": {"principalId": "alice", "claims": claims.to_string()},
            },
            "isBase64Encoded": false,
        })
    }

    pub(crate) fn now() -> u64 {
        (crate::harness::in_an_hour() - 3600) * 1000
    }
}

#[tokio::test]
async fn a_disconnect_that_overtakes_its_connect_leaves_nothing_that_a_send_trips_over() {
    let stack = Stack::start().await;
    let at = events::now();
    assert_eq!(events::deliver(&stack, "Disconnect", "early=", at).await["statusCode"], 200);
    assert_eq!(events::deliver(&stack, "Connect", "early=", at).await["statusCode"], 410);
    assert_eq!(subscribers(&stack).await, Vec::<Value>::new());
    assert_nobody_listens(&stack).await;
}

#[tokio::test]
async fn a_second_disconnect_changes_nothing() {
    let stack = Stack::start().await;
    let at = events::now();
    assert_eq!(events::deliver(&stack, "Connect", "twice=", at).await["statusCode"], 200);
    assert_eq!(subscribers(&stack).await.len(), 2);
    for _ in 0..2 {
        assert_eq!(events::deliver(&stack, "Disconnect", "twice=", at).await["statusCode"], 200);
        assert_eq!(subscribers(&stack).await, Vec::<Value>::new());
    }
    assert_eq!(events::deliver(&stack, "Connect", "twice=", at).await["statusCode"], 410, "and it stays gone");
}

#[tokio::test]
async fn a_vanished_client_is_forgotten_at_the_next_post_and_only_it() {
    let stack = Stack::start().await;
    let _gone = stack.connect("alice").await;
    let vanished = stack.sockets().await;
    let mut there = stack.connect("alice").await;
    age(&stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", vanished[0].replace('=', "%3D")), None).await;

    let answer = stack.post(&json!({"to": "user:alice", "body": "1"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["connections"]), (202, &json!(1)));
    assert_eq!(there.item().await["body"], "1");
    let left = subscribers(&stack).await;
    assert_eq!(left.len(), 1);
    assert!(!left[0]["subscriber"]["S"].as_str().unwrap().contains(&vanished[0]), "the other one is left");
}

#[tokio::test]
async fn a_vanished_client_whose_inbox_is_posted_to_leaves_all_its_channels() {
    let stack = Stack::start().await;
    let claims = json!({"sub": "alice", "subscribe": ["topic:*", "user:*"], "channels": ["topic:a", "user:bob"]});
    let mut alice = stack.connect_with(&claims).await;
    alice.ask(json!({"action": "subscribe", "channel": "topic:b"})).await;
    let vanished = stack.sockets().await;
    age(&stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", vanished[0].replace('=', "%3D")), None).await;
    stack.send("user:bob", "a guest's row goes alone").await;
    assert_eq!(subscribers(&stack).await.len(), 3);
    stack.send("user:alice", "the home's goes with all").await;
    assert_eq!(subscribers(&stack).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_young_connection_that_answers_410_is_kept() {
    let stack = Stack::start().await;
    let _gone = stack.connect("alice").await;
    let vanished = stack.sockets().await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", vanished[0].replace('=', "%3D")), None).await;
    stack.send("user:alice", "1").await;
    assert_eq!(subscribers(&stack).await.len(), 1, "its $connect might still be running");
}

/// Makes every row look as if its connection had been opened so much earlier, in milliseconds.
pub(crate) async fn age(stack: &Stack, by: u64) {
    let table = stack.table("Subscribers").await;
    for mut row in stack.rows("Subscribers").await {
        // An endpoint has none.
        let Some(at) = row["connected_at"]["N"].as_str() else { continue };
        let at: u64 = at.parse().unwrap();
        row["connected_at"] = json!({"N": (at - by).to_string()});
        stack.dynamodb("PutItem", &json!({"TableName": table, "Item": row})).await;
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_ping_keeps_it() {
    let stack = Stack::start_with(&["--idle-seconds", "2"]).await;
    let mut idle = stack.connect("alice").await;
    let mut pinging = stack.connect("bob").await;
    let keeps = async {
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            pinging.send(&json!({"action": "ping"})).await;
            assert_eq!(pinging.next().await["type"], "pong");
        }
    };
    let (closed, ()) = tokio::join!(idle.next_or_close(), keeps);
    assert!(closed.is_err());
    stack.until("the idle one is forgotten", || async { subscribers(&stack).await.len() == 1 }).await;
}

#[tokio::test]
async fn a_ping_runs_no_function() {
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    let before = stack.control(Method::GET, "processes", None).await;
    alice.send(&json!({"action": "ping"})).await;
    assert_eq!(alice.next().await, json!({"type": "pong"}));
    assert_eq!(stack.control(Method::GET, "processes", None).await, before);
}
