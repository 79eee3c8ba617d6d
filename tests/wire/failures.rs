//! Failures, and what the caller then sees.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Function, Stack};

#[tokio::test]
async fn a_function_killed_between_commit_and_first_post_is_made_good_by_the_same_key() {
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    stack.fault(json!({"on": "management.POST", "function": "Send", "do": {"kill": true}})).await;
    let body = json!({"to": "user:alice", "body": "once"});
    let killed = stack.post_under("k", &body).await;
    assert_eq!((killed.status, &killed.body["message"]), (500, &json!("Internal Server Error")));
    assert_eq!(stack.seqs("user:alice").await, [1], "it was stored");
    stack.assert_faults_fired().await;

    let retried = stack.post_under("k", &body).await;
    assert_eq!((retried.status, &retried.body["channels"][0]["seq"]), (202, &json!(1)));
    let item = alice.item().await;
    assert_eq!((&item["seq"], &item["id"], &item["body"]), (&json!(1), &retried.body["id"], &json!("once")));
    assert_eq!(stack.seqs("user:alice").await, [1], "nothing is stored twice");

    assert_eq!(stack.post_under("k", &body).await.body["channels"][0]["connections"], 0, "done is done");
    stack.send("user:alice", "next").await;
    assert_eq!(alice.item().await["body"], "next", "and nothing is pushed again");
}

#[tokio::test]
async fn a_send_to_several_channels_killed_half_way_is_completed_by_the_same_key() {
    let stack = Stack::start().await;
    let (mut alice, mut bob) = (stack.connect("alice").await, stack.connect("bob").await);
    // The second channel's transaction never begins.
    stack.fault(json!({"on": "dynamodb.TransactWriteItems", "skip": 1, "do": {"kill": true}})).await;
    let body = json!({"to": ["user:alice", "user:bob"], "body": "both"});
    assert_eq!(stack.post_under("k", &body).await.status, 500);
    assert_eq!((stack.seqs("user:alice").await.len(), stack.seqs("user:bob").await.len()), (1, 0));
    let retried = stack.post_under("k", &body).await;
    assert_eq!(retried.status, 202);
    assert_eq!((alice.item().await["id"].clone(), bob.item().await["id"].clone()), {
        let id = retried.body["id"].clone();
        (id.clone(), id)
    });
    assert_eq!((stack.seqs("user:alice").await.len(), stack.seqs("user:bob").await.len()), (1, 1));
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn a_function_killed_mid_request_is_an_error_and_a_repeat_under_the_key_sends_once() {
    // Before the transaction, after it, and at each later step.
    for rule in [
        json!({"on": "invoke.Send", "do": {"kill": true}}),
        json!({"on": "dynamodb.TransactWriteItems", "do": {"kill": true}}),
        json!({"on": "dynamodb.TransactWriteItems", "do": {"kill": true, "after": true}}),
        json!({"on": "management.POST", "do": {"kill": true, "after": true}}),
        json!({"on": "dynamodb.UpdateItem", "do": {"kill": true}}),
        json!({"on": "respond.Send", "do": {"kill": true}}),
    ] {
        let stack = Stack::start().await;
        let mut alice = stack.connect("alice").await;
        stack.send("user:alice", "warm").await;
        alice.item().await;
        stack.fault(rule.clone()).await;
        let body = json!({"to": "user:alice", "body": "once"});
        let killed = stack.post_under("k", &body).await;
        assert!(killed.status >= 500, "{rule}: {killed:?}");
        stack.assert_faults_fired().await;
        assert_eq!(stack.post_under("k", &body).await.status, 202, "{rule}");
        assert_eq!(stack.seqs("user:alice").await, [1, 2], "{rule}");
        assert_eq!(alice.item().await["seq"], 2, "{rule}");
    }
}

#[tokio::test]
async fn an_answer_that_got_lost_does_not_store_twice() {
    let stack = Stack::start().await;
    stack.send("user:alice", "1").await;
    // DynamoDB has written the row; the SDK hears nothing, and tries again.
    stack.fault(json!({"on": "dynamodb.PutItem", "do": {"close": true, "after": true}})).await;
    assert_eq!(stack.send("user:alice", "2").await, 2);
    assert_eq!(stack.seqs("user:alice").await, [1, 2]);
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn an_answer_that_got_lost_before_throttles_does_not_store_twice_either() {
    for key in [None, Some("k")] {
        let stack = Stack::start().await;
        stack.send("user:alice", "1").await;
        let operation = if key.is_some() { "TransactWriteItems" } else { "PutItem" };
        let on = format!("dynamodb.{operation}");
        stack.fault(json!({"on": on, "do": {"close": true, "after": true}})).await;
        stack.fault(json!({"on": on, "times": 4, "do": {"error": "ProvisionedThroughputExceededException"}})).await;
        let body = json!({"to": "user:alice", "body": "2"});
        let answer = match key {
            Some(key) => stack.post_under(key, &body).await,
            None => stack.post(&body).await,
        };
        assert_eq!((answer.status, &answer.body["channels"][0]["seq"]), (202, &json!(2)), "{operation}");
        assert_eq!(stack.seqs("user:alice").await, [1, 2], "{operation}");
        stack.assert_faults_fired().await;
    }
}

#[tokio::test]
async fn a_start_whose_answer_got_lost_does_not_store_twice_either() {
    let stack = Stack::start().await;
    stack.fault(json!({"on": "dynamodb.TransactWriteItems", "do": {"status": 500, "after": true}})).await;
    stack.fault(json!({"on": "dynamodb.TransactWriteItems", "times": 4, "do": {"error": "ThrottlingException"}})).await;
    assert_eq!(stack.send("user:alice", "first").await, 1);
    assert_eq!(stack.seqs("user:alice").await, [1]);
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn a_connection_that_meets_others_at_its_rows_is_let_in_all_the_same() {
    let stack = Stack::start().await;
    for (operation, error) in [("PutItem", "TransactionConflictException"), ("BatchWriteItem", "ThrottlingException")] {
        let on = format!("dynamodb.{operation}");
        stack.fault(json!({"on": on, "function": "Connect", "times": 3, "do": {"error": error}})).await;
    }
    let claims = json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:a"]});
    let mut alice = stack.connect_with(&claims).await;
    stack.send("topic:a", "hello").await;
    assert_eq!(alice.item().await["body"], "hello");
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn time_that_runs_out_is_answered_before_lambda_ends_the_function() {
    let stack = Stack::start().await;
    let mut request = crate::layout::event("send");
    request["headers"]["authorization"] = json!(format!("Bearer {}", stack.publisher()));
    let mut function = Function::start(&stack, "Send").await;
    stack.fault(json!({"on": "dynamodb.Query", "times": 0, "do": {"delay_ms": 2500}})).await;
    let answer = function.invoke_within(&request, Duration::from_secs(2)).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    let problem: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(problem["code"], "unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("time ran out"), "{problem}");
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn an_audience_of_more_than_one_page_is_served_whole() {
    let stack = Stack::start().await;
    let mut alice = stack.connect_with(&json!({"sub": "alice", "subscribe": ["t:*"], "channels": ["t:large"]})).await;
    // More than the megabyte that one query gives, in rows that come first and count as gone.
    let table = stack.table("Subscribers").await;
    for batch in 0..12 {
        let rows = (0..25).map(|n| {
            json!({"PutRequest": {"Item": {
                "channel": {"S": "t:large"}, "subscriber": {"S": format!("0000filler-{batch}-{n}")},
                "v": {"N": "1"}, "connected_at": {"N": "1"}, "ends_at": {"N": "1"}, "expires_at": {"N": "1"},
                "padding": {"S": "x".repeat(4000)},
            }}})
        });
        let requests = json!({"RequestItems": {&table: rows.collect::<Vec<_>>()}});
        stack.dynamodb("BatchWriteItem", &requests).await;
    }
    stack.forget_calls().await;
    stack.send("t:large", "to the last").await;
    assert_eq!(alice.item().await["body"], "to the last");
    let queries = stack.calls().await.into_iter().filter(|call| call["operation"] == "Query").count();
    assert!(queries >= 4, "one page held them all: {queries} queries");
}

#[tokio::test]
async fn throttles_and_transaction_conflicts_are_waited_out() {
    let stack = Stack::start().await;
    stack.send("user:alice", "1").await;
    for (on, error) in [
        ("dynamodb.Query", "ProvisionedThroughputExceededException"),
        ("dynamodb.TransactWriteItems", "TransactionCanceledException"),
        ("dynamodb.TransactWriteItems", "ThrottlingException"),
    ] {
        stack.fault(json!({"on": on, "times": 2, "do": {"error": error}})).await;
    }
    let answer = stack.post_under("k", &json!({"to": "user:alice", "body": "2"})).await;
    assert_eq!((answer.status, &answer.body["channels"][0]["seq"]), (202, &json!(2)));
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn an_append_that_fails_is_answered_and_a_busy_channel_says_when_to_come_back() {
    let stack = Stack::start().await;
    stack.fault(json!({"on": "dynamodb.Query", "times": 0, "do": {"error": "InternalServerError"}})).await;
    let answer = stack.post(&json!({"to": "user:alice", "body": "x"})).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
    stack.assert_faults_fired().await;

    stack.send("user:alice", "1").await;
    let conflict = json!({"error": "TransactionCanceledException"});
    stack.fault(json!({"on": "dynamodb.TransactWriteItems", "times": 0, "do": conflict})).await;
    let answer = stack.post_under("k", &json!({"to": "user:alice", "body": "x"})).await;
    assert_eq!((answer.status, answer.code()), (503, "channel_busy"));
    assert_eq!(answer.headers["retry-after"], "1");
    stack.assert_faults_fired().await;
    assert_eq!(stack.seqs("user:alice").await, [1]);
}

#[tokio::test]
async fn a_connection_that_does_not_answer_delays_nobody_else() {
    let stack = Stack::start().await;
    let _hung = stack.connect("alice").await;
    let id = stack.sockets().await[0].clone();
    let mut other = stack.connect("alice").await;
    stack.fault(json!({"on": "management.POST", "connection": id, "times": 0, "do": {"delay_ms": 20_000}})).await;
    let begun = Instant::now();
    let body = json!({"to": "user:alice", "body": "x"});
    let sending = stack.post(&body);
    let receiving = async {
        other.item().await;
        begun.elapsed()
    };
    let (answer, heard_after) = tokio::join!(sending, receiving);
    assert_eq!(answer.status, 202);
    assert!(heard_after < Duration::from_secs(3), "{heard_after:?}");
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn the_answer_to_the_publisher_says_who_cannot_be_reached_at_all() {
    let stack = Stack::start().await;
    let _alice = stack.connect("alice").await;
    stack.fault(json!({"on": "management.POST", "times": 0, "do": {"status": 500}})).await;
    stack.fault(json!({"on": "sqs.SendMessageBatch", "times": 0, "do": {"error": "AccessDenied"}})).await;
    let answer = stack.post(&json!({"to": "user:alice", "body": "x"})).await;
    assert_eq!((answer.status, answer.code()), (503, "unavailable"));
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn a_function_that_fails_answers_the_socket_with_the_gateways_own_error() {
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    stack.fault(json!({"on": "invoke.Message", "do": {"kill": true}})).await;
    alice.send(&json!({"action": "subscribe", "channel": "user:alice", "ref": 1})).await;
    let error = alice.next().await;
    assert_eq!((&error["message"], error.get("type")), (&json!("Internal server error"), None));
    let (_, subscribed) = alice.ask(json!({"action": "subscribe", "channel": "user:alice"})).await;
    assert_eq!(subscribed["type"], "subscribed", "and trying again helps");
}
