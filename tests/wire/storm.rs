//! Many join one channel at once. Its key takes so many write units a second, and no more; and what joins and leaves may die between
//! its writes.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Socket, Stack, room};
use crate::lifecycle::{age, subscribers};

const RUSH: &str = "topic:rush";

/// Has the channel's key take so many write units a second.
async fn limit(stack: &Stack, units: u64) {
    let rule = json!({"on": "partition.Subscribers", "mentions": RUSH, "do": {"write_units": units}});
    stack.fault(rule).await;
}

fn subscribe(channel: &str) -> Value {
    json!({"action": "subscribe", "channel": channel})
}

async fn open(stack: &Stack, nth: usize, channels: &[&str]) -> Socket {
    stack.connect_with(&json!({"sub": format!("u{nth}"), "subscribe": ["topic:*"], "channels": channels})).await
}

/// Opens so many sockets, a few at a time.
async fn open_all(stack: &Stack, count: usize) -> Vec<Socket> {
    let mut sockets = Vec::new();
    for first in (0..count).step_by(10) {
        sockets.extend(join_all((first..count.min(first + 10)).map(|nth| open(stack, nth, &[]))).await);
    }
    sockets
}

/// Asserts that a notification is pushed to each of them.
async fn assert_all_hear(stack: &Stack, sockets: &mut [Socket]) {
    let answer = stack.post(&json!({"to": RUSH, "body": "to all"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["connections"]), (202, &json!(sockets.len())));
    for heard in join_all(sockets.iter_mut().map(Socket::item)).await {
        assert_eq!(heard["body"], "to all");
    }
}

#[tokio::test]
async fn who_joins_beyond_what_a_channels_key_takes_in_a_second_is_joined_a_moment_later() {
    const JOINS: usize = 60;
    let _room = room().await;
    let stack = Stack::start().await;
    let mut sockets = open_all(&stack, JOINS).await;
    limit(&stack, JOINS as u64 / 2).await;
    let answers = join_all(sockets.iter_mut().map(|socket| socket.ask(subscribe(RUSH)))).await;
    for (_, answer) in answers {
        assert_eq!(answer["type"], "subscribed", "{answer}");
    }
    stack.control(Method::DELETE, "faults", None).await;
    assert_all_hear(&stack, &mut sockets).await;
}

#[tokio::test]
async fn who_connects_beyond_what_a_channels_key_takes_in_a_second_is_let_in_a_moment_later() {
    const JOINS: usize = 60;
    let _room = room().await;
    let stack = Stack::start().await;
    limit(&stack, JOINS as u64 / 3).await;
    let mut sockets = join_all((0..JOINS).map(|nth| open(&stack, nth, &[RUSH]))).await;
    stack.assert_faults_fired().await;
    assert_all_hear(&stack, &mut sockets).await;
}

/// Asks until it is answered, as clients do.
async fn join_at_last(socket: &mut Socket) {
    loop {
        let (_, answer) = socket.ask(subscribe(RUSH)).await;
        if answer["type"] == "subscribed" {
            return;
        }
        assert_eq!(answer["code"], "unavailable", "{answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_storm_that_goes_on_for_many_seconds_ends_with_everybody_joined() {
    let _room = room().await;
    let stack = Stack::start().await;
    let mut sockets = open_all(&stack, 40).await;
    limit(&stack, 4).await;
    join_all(sockets.iter_mut().map(join_at_last)).await;
    stack.assert_faults_fired().await;
    assert_all_hear(&stack, &mut sockets).await;
}

/// Eight buckets and one table, of which each write takes its units; every second one also the key's row.
#[tokio::test]
async fn what_is_scheduled_for_one_minute_beyond_what_its_buckets_take_is_accepted_and_sent() {
    const COUNT: usize = 60;
    let _room = room().await;
    let stack = Stack::start().await;
    stack.stop_sweeps().await;
    stack.fault(json!({"on": "partition.Schedule", "do": {"write_units": 10}})).await;
    stack.fault(json!({"on": "table.Schedule", "do": {"write_units": 40}})).await;
    let due = jiff::Timestamp::now() + Duration::from_secs(8);
    let scheduling =
        (0..COUNT).map(|nth| {
            let body = json!({"to": format!("user:u{nth}"), "body": "x", "deliver_at": due.to_string()});
            let stack = &stack;
            async move {
                if nth % 2 == 0 { stack.post(&body).await } else { stack.post_under(&format!("k{nth}"), &body).await }
            }
        });
    for answer in join_all(scheduling).await {
        assert_eq!(answer.status, 202, "{answer:?}");
    }
    let is_done = |row: &Value| row["done"]["BOOL"] == true;
    let done = || async { stack.rows("Schedule").await.iter().filter(|row| is_done(row)).count() == COUNT };
    stack.until("all are sent", done).await;
    let limits = stack.control(Method::GET, "faults", None).await;
    assert!(limits.as_array().unwrap().iter().any(|limit| limit["fired"].as_u64() > Some(0)), "nothing was held back");
    assert_eq!(stack.queue("DueDeadLetters").await["visible"], 0);
}

/// The calls that a function may die at, before each or after it.
fn deaths(operations: [&'static str; 2]) -> impl Iterator<Item = Value> {
    let death = |operation: &str, after: bool| {
        json!({"on": format!("dynamodb.{operation}"), "function": "Message", "table": "Subscribers",
               "do": {"kill": true, "after": after}})
    };
    operations.into_iter().flat_map(move |operation| [death(operation, false), death(operation, true)])
}

/// Has the function die at a frame, of which the gateway tells.
async fn die_at(stack: &Stack, alice: &mut Socket, death: &Value, frame: Value) {
    stack.fault(death.clone()).await;
    alice.send(&frame).await;
    assert_eq!(alice.next().await["message"], "Internal server error", "{death}");
    stack.assert_faults_fired().await;
}

async fn assert_hears(stack: &Stack, alice: &mut Socket, context: &Value) {
    stack.send(RUSH, "still there?").await;
    assert_eq!(alice.item().await["body"], "still there?", "{context}");
}

/// The channels that have a row for somebody, besides their inboxes.
async fn joined(stack: &Stack) -> usize {
    subscribers(stack).await.iter().filter(|row| row["channel"]["S"] == RUSH).count()
}

async fn until_nothing_is_left(stack: &Stack, socket: Socket) {
    socket.close().await;
    stack.until("all rows are gone", || async { subscribers(stack).await.is_empty() }).await;
}

#[tokio::test]
async fn a_join_that_died_half_way_is_made_good_by_the_next_one_and_leaves_nothing_at_the_end() {
    let stack = Stack::start().await;
    for death in deaths(["UpdateItem", "PutItem"]) {
        for asks_again in [true, false] {
            let mut alice = open(&stack, 0, &[]).await;
            die_at(&stack, &mut alice, &death, subscribe(RUSH)).await;
            if asks_again {
                let (_, answer) = alice.ask(subscribe(RUSH)).await;
                assert_eq!(answer["type"], "subscribed", "{death}: {answer}");
                assert_hears(&stack, &mut alice, &death).await;
            }
            until_nothing_is_left(&stack, alice).await;
        }
    }
}

#[tokio::test]
async fn a_leave_that_died_half_way_is_made_good_by_the_next_one_and_loses_no_push_of_who_joins_again() {
    let stack = Stack::start().await;
    for death in deaths(["DeleteItem", "UpdateItem"]) {
        for action in ["unsubscribe", "subscribe"] {
            let mut alice = open(&stack, 0, &[RUSH]).await;
            die_at(&stack, &mut alice, &death, json!({"action": "unsubscribe", "channel": RUSH})).await;
            let (_, answer) = alice.ask(json!({"action": action, "channel": RUSH})).await;
            assert_eq!(answer["type"], format!("{action}d"), "{death}: {answer}");
            if action == "subscribe" {
                assert_hears(&stack, &mut alice, &death).await;
            } else {
                assert_eq!(joined(&stack).await, 0, "{death}");
            }
            until_nothing_is_left(&stack, alice).await;
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_while_it_is_joined_leaves_nothing_behind() {
    let stack = Stack::start().await;
    let mut alice = open(&stack, 0, &[]).await;
    let slow = json!({"on": "dynamodb.PutItem", "function": "Message", "do": {"delay_ms": 1500}});
    stack.fault(slow).await;
    alice.send(&subscribe(RUSH)).await;
    let fired = || async { stack.control(Method::GET, "faults", None).await[0]["fired"] == 1 };
    stack.until("the home lists the channel", fired).await;
    alice.close().await;
    let is_done = || async {
        let processes = stack.control(Method::GET, "processes", None).await;
        let mut others = processes.as_array().unwrap().iter().filter(|process| process["function"] == "Message");
        others.all(|process| process["state"] == "frozen")
    };
    stack.until("the function is done", is_done).await;
    stack.until("all rows are gone", || async { subscribers(&stack).await.is_empty() }).await;
}

#[tokio::test]
async fn a_row_whose_connection_has_no_home_any_more_is_removed_by_the_next_push() {
    let stack = Stack::start().await;
    let _gone = open(&stack, 0, &[RUSH]).await;
    let vanished = stack.sockets().await;
    age(&stack, 60_000).await;
    let rows = subscribers(&stack).await;
    let home = rows.iter().find(|row| row["channel"]["S"] == "user:u0").unwrap();
    let key = json!({"channel": home["channel"], "subscriber": home["subscriber"]});
    stack.dynamodb("DeleteItem", &json!({"TableName": stack.table("Subscribers").await, "Key": key})).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", vanished[0].replace('=', "%3D")), None).await;
    assert_eq!(joined(&stack).await, 1);
    stack.send(RUSH, "anybody?").await;
    assert_eq!(joined(&stack).await, 0);
}

/// A client is not to do this; what it was answered last counts all the same.
#[tokio::test]
async fn frames_that_join_and_leave_at_once_leave_nothing_that_the_next_frame_does_not_set_right() {
    let stack = Stack::start().await;
    let mut alice = open(&stack, 0, &[]).await;
    for round in 0..6 {
        for (nth, action) in ["subscribe", "unsubscribe", "subscribe", "unsubscribe"].into_iter().enumerate() {
            alice.send(&json!({"action": action, "channel": RUSH, "ref": nth})).await;
        }
        let mut answered = 0;
        while answered < 4 {
            let frame = alice.next().await;
            // A join that finds itself left meanwhile says that it failed, and is asked for again.
            assert!(frame["type"] != "error" || frame["code"] == "unavailable", "{frame}");
            answered += usize::from(frame["ref"].is_u64());
        }
        if round % 2 == 0 {
            alice.ask(subscribe(RUSH)).await;
            stack.send(RUSH, "heard").await;
            assert_eq!(alice.item().await["body"], "heard");
        } else {
            alice.ask(json!({"action": "unsubscribe", "channel": RUSH})).await;
            assert_eq!(joined(&stack).await, 0, "round {round}");
        }
    }
    until_nothing_is_left(&stack, alice).await;
}
