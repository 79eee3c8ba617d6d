//! An attempt that waits for hours, and whose message nobody can hand on.

use reqwest::Method;
use serde_json::json;

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack};

const CHANNEL: &str = "topic:builds";
const MINUTE: i64 = 60_000;

/// A stack with an attempt that is half an hour away by the receiver's wish, in a minute in which `deliver` reaches no queue.
async fn lost(receiver: &Receiver) -> Option<Stack> {
    let stack = Stack::start_with_clock(&LOOPBACK).await?;
    stack.stop_sweeps().await;
    stack.sweep().await;
    receiver.then([Reply::Status(503, Some(("retry-after", (30 * 60).to_string())), "")]);
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    stack.post(&json!({"to": CHANNEL, "body": "x"})).await;
    stack.attempts(CHANNEL, &id, 1).await;
    let waits = || async { stack.all_rows("Schedule").await.iter().any(|row| row["attempt"]["M"].is_object()) };
    stack.until("it waits in the schedule", waits).await;
    let broken = json!({"on": "sqs.SendMessage", "function": "Deliver", "times": 0, "do": {"error": "AccessDenied"}});
    stack.fault(broken).await;
    stack.set_ahead(34 * MINUTE).await;
    stack.sweep().await;
    let dead = || async {
        // Five tries take about a minute, which is not waited for.
        let sooner = json!({"seconds": 72, "in_flight": true});
        stack.control(Method::POST, "queues/DueQueue/advance", Some(sooner)).await;
        stack.queue("DueDeadLetters").await["visible"] == 1
    };
    stack.until_within(PATIENCE, "its message is a dead letter", dead).await;
    assert_eq!(receiver.received().len(), 1);
    Some(stack)
}

#[tokio::test]
async fn the_sweeper_hands_on_an_attempt_whose_message_was_lost() {
    let receiver = Receiver::start().await;
    let Some(stack) = lost(&receiver).await else { return };
    stack.assert_faults_fired().await;
    stack.set_ahead((34 + 8) * MINUTE).await;
    stack.sweep().await;
    let received = receiver.wait_for(2, PATIENCE).await;
    assert_eq!((received[0].seq(), received[1].seq()), (1, 1));
    let done = || async {
        stack
            .all_rows("Schedule")
            .await
            .iter()
            .all(|row| !row["attempt"]["M"].is_object() || row["done"]["BOOL"] == true)
    };
    stack.until("the sweeper has nothing to do for it", done).await;
}

#[tokio::test]
async fn an_attempt_that_is_given_up_is_made_when_its_dead_letter_is_moved_back() {
    let receiver = Receiver::start().await;
    let Some(stack) = lost(&receiver).await else { return };
    let mut ahead = 34;
    for minutes in [8, 15, 22] {
        assert!(!stack.has_logged(&["ERROR", "could not be queued"]));
        ahead += minutes;
        stack.set_ahead(ahead * MINUTE).await;
        stack.sweep().await;
    }
    stack.until("the log has an error", || async { stack.has_logged(&["ERROR", "could not be queued"]) }).await;
    stack.assert_faults_fired().await;
    assert_eq!(receiver.received().len(), 1);
    let name = stack.queue("DueDeadLetters").await["name"].as_str().unwrap().to_owned();
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{name}");
    let (status, answer) = stack.aws_call("AmazonSQS.StartMessageMoveTask", &json!({"SourceArn": arn})).await;
    assert_eq!(status, 200, "{answer}");
    receiver.wait_for(2, PATIENCE).await;
}
