//! A user's polls wait in three places at most, and only as long as the stack allows; and polls leave the API to others.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::spent;
use crate::harness::{Answer, Stack, each_resource, root};

const NEWS: &str = "topic:news:1";

/// A stack with one notification in `topic:news`.
async fn with_news(stack: Stack) -> Stack {
    stack.send("topic:news", "the first").await;
    stack
}

fn path(cursor: &str, wait: u64) -> String {
    format!("/v1/notifications?channel={cursor}&wait={wait}")
}

async fn poll(stack: &Stack, sub: &str, cursor: &str, wait: u64) -> Answer {
    let token = stack.token(&json!({"sub": sub, "subscribe": ["topic:*"], "exp": 4_102_444_800_u64}));
    stack.call(Method::GET, &path(cursor, wait), Some(&token), &[], None).await
}

/// The number of items in an answer, which must be good.
fn items(answer: &Answer) -> usize {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["channels"][0]["items"].as_array().unwrap().len()
}

/// In how many places alice's polls wait.
async fn taken(stack: &Stack) -> usize {
    let rows = stack.rows("Once").await;
    let row = rows.iter().find(|row| row["key"]["S"] == "polls#alice");
    row.map_or(0, |row| row.as_object().unwrap().keys().filter(|name| name.starts_with("place_")).count())
}

async fn until_taken(stack: &Stack, places: usize) {
    stack.until("so many polls wait", || async { taken(stack).await == places }).await;
}

fn assert_refused(answer: &Answer, longest: u64) {
    assert_eq!((answer.status, answer.code()), (429, "too_many_polls"), "{answer:?}");
    assert!(answer.body["detail"].as_str().unwrap().contains("`wait=0`"), "{answer:?}");
    let after: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=longest).contains(&after), "{answer:?}");
}

#[tokio::test]
async fn the_refusal_of_a_fourth_waiting_poll_says_when_to_ask_again() {
    let stack = with_news(Stack::start().await).await;
    let three = join_all((0..3).map(|_| poll(&stack, "alice", NEWS, 20)));
    let meanwhile = async {
        until_taken(&stack, 3).await;
        let before = stack.rows("Once").await;
        assert_refused(&poll(&stack, "alice", NEWS, 20).await, 22);
        assert_refused(&poll(&stack, "alice", "user:alice:0", 1).await, 22);
        assert_eq!(stack.rows("Once").await, before, "a refused poll changes nothing");
        // What needs no waiting is answered, and so are others.
        assert_eq!(items(&poll(&stack, "alice", NEWS, 0).await), 0);
        assert_eq!(items(&poll(&stack, "alice", "topic:news:0", 20).await), 1);
        let began = Instant::now();
        assert_eq!(items(&poll(&stack, "bob", NEWS, 1).await), 0);
        assert!(began.elapsed() >= Duration::from_secs(1));
        stack.send("topic:news", "the second").await;
    };
    let (answers, ()) = tokio::join!(three, meanwhile);
    assert_eq!(answers.iter().map(items).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(taken(&stack).await, 0, "a poll that is answered has given its place back");
    let began = Instant::now();
    assert_eq!(items(&poll(&stack, "alice", "topic:news:2", 1).await), 0);
    assert!(began.elapsed() >= Duration::from_secs(1), "another one may wait now");
}

#[tokio::test]
async fn of_many_polls_at_once_three_wait() {
    let stack = with_news(Stack::start().await).await;
    for _ in 0..2 {
        let answers = join_all((0..12).map(|_| poll(&stack, "alice", NEWS, 3))).await;
        let (waited, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((waited.len(), refused.len()), (3, 9));
        refused.into_iter().for_each(|answer| assert_refused(answer, 5));
        assert_eq!(taken(&stack).await, 0);
    }
}

#[tokio::test]
async fn a_poll_whose_function_dies_frees_its_place_when_its_time_is_over() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    let stack = with_news(stack).await;
    let three = join_all((0..3).map(|_| poll(&stack, "alice", NEWS, 20)));
    let kill = async {
        until_taken(&stack, 3).await;
        stack.fault(json!({"on": "dynamodb.Query", "function": "Poll", "times": 3, "do": {"kill": true}})).await;
    };
    let (answers, ()) = tokio::join!(three, kill);
    assert!(answers.iter().all(|answer| answer.status == 500), "{answers:?}");
    assert_refused(&poll(&stack, "alice", NEWS, 20).await, 22);
    stack.set_ahead(23_000).await;
    assert_eq!(items(&poll(&stack, "alice", NEWS, 1).await), 0);
    assert_eq!(taken(&stack).await, 2, "it has used and given back one of those that were over");
}

#[tokio::test]
async fn a_poll_that_fails_gives_its_place_back_and_one_that_cannot_is_answered() {
    let stack = with_news(Stack::start().await).await;
    let failing = async {
        until_taken(&stack, 1).await;
        let rule = json!({"on": "dynamodb.Query", "function": "Poll", "do": {"error": "AccessDeniedException"}});
        stack.fault(rule).await;
    };
    let (answer, ()) = tokio::join!(poll(&stack, "alice", NEWS, 20), failing);
    assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
    assert_eq!(taken(&stack).await, 0);

    let rule = |skip| {
        let error = json!({"error": "AccessDeniedException"});
        json!({"on": "dynamodb.UpdateItem", "function": "Poll", "skip": skip, "times": 1, "do": error})
    };
    stack.fault(rule(1)).await;
    assert_eq!(items(&poll(&stack, "alice", NEWS, 1).await), 0);
    stack.assert_faults_fired().await;
    assert_eq!(taken(&stack).await, 1, "its lease ends by itself");
    stack.until("it is logged", || async { stack.has_logged(&["UpdateItem of a poll that has waited"]) }).await;
    // Without a place none waits.
    stack.fault(rule(0)).await;
    assert_eq!(poll(&stack, "alice", NEWS, 1).await.code(), "unavailable");
}

#[tokio::test]
async fn an_answer_of_dynamodb_that_gets_lost_takes_one_place() {
    let stack = with_news(Stack::start().await).await;
    let lost = json!({"on": "dynamodb.UpdateItem", "function": "Poll", "do": {"close": true, "after": true}});
    stack.fault(lost).await;
    let waiting = async {
        until_taken(&stack, 1).await;
        stack.send("topic:news", "the second").await;
    };
    let (answer, ()) = tokio::join!(poll(&stack, "alice", NEWS, 20), waiting);
    assert_eq!(items(&answer), 1);
    assert_eq!(taken(&stack).await, 0);
    stack.assert_faults_fired().await;
}

#[tokio::test]
async fn no_poll_waits_longer_than_the_stack_allows() {
    for (longest, written) in [(0, 0.0), (2, 2.0)] {
        let stack = Stack::start_with(&["--parameter", &format!("LongestPollSeconds={longest}")]).await;
        let stack = with_news(stack).await;
        let began = Instant::now();
        assert_eq!(items(&poll(&stack, "alice", NEWS, 25).await), 0);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(longest) && took < Duration::from_secs(longest + 8), "{took:?}");
        let (requests, _, units) = spent(&stack).await;
        // One request reads the log, one how much the reader may have read.
        assert_eq!((requests == 2, units), (longest == 0, written), "{requests} requests");
    }
}

#[tokio::test]
async fn a_rush_of_polls_is_refused_and_leaves_all_else_free() {
    let stack =
        with_news(Stack::start_with(&["--parameter", "PollsPerSecond=4", "--parameter", "RequestBurst=4"]).await).await;
    let polls = join_all((0..40).map(|_| poll(&stack, "alice", NEWS, 0)));
    let notification = json!({"to": "topic:other", "body": "x"});
    let sends = join_all((0..10).map(|_| stack.post(&notification)));
    let (polls, sends) = tokio::join!(polls, sends);
    assert_eq!(sends.iter().map(|answer| answer.status).collect::<Vec<_>>(), [202; 10]);
    let refused: Vec<_> = polls.iter().filter(|answer| answer.status == 429).collect();
    assert!(!refused.is_empty() && refused.len() <= 36, "{} refused", refused.len());
    refused.iter().for_each(|answer| assert_eq!(answer.body, json!({"message": "Too Many Requests"})));
    assert!(polls.iter().all(|answer| [200, 429].contains(&answer.status)), "{polls:?}");
    let again = || async { poll(&stack, "alice", NEWS, 0).await.status == 200 };
    stack.until("a poll is taken again", again).await;
}

#[test]
fn what_polls_may_take_is_apart_from_what_requests_and_what_is_due_have() {
    let mut reserved = Vec::new();
    each_resource("AWS::Serverless::Function", |name, function| {
        let reservation = function.as_mapping_get("ReservedConcurrentExecutions").map(|value| format!("{value:?}"));
        reserved.push((name.to_owned(), reservation.unwrap_or_default()));
    });
    let with = |parameter: &str| {
        let has = reserved.iter().filter(|(_, reservation)| reservation.contains(parameter));
        has.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(with("ReservedForRequests"), ["Authorizer", "Connect", "Disconnect", "Message", "Send"]);
    assert_eq!(with("DeliverConcurrency"), ["Deliver"]);
    assert_eq!(with("PollConcurrency"), ["Poll"]);
    assert_eq!(with("ReservesForWhatIsDue"), ["Deliver", "Sweeper"]);
    let settings = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let settings: toml::Value = toml::from_str(&settings).unwrap();
    let production = serde_json::to_value(&settings["prod"]["deploy"]["parameters"]["parameter_overrides"]).unwrap();
    let is_limit = |given: &Value| given.as_str().is_some_and(|given| given.starts_with("PollConcurrency="));
    assert!(production.as_array().unwrap().iter().any(is_limit), "{production}");
}
