//! Sweeps that do not run, a queue that is behind, and notifications that cannot be delivered.

use std::time::Duration;

use serde_json::{Value, json};

use crate::anywhere::later::{cancel, look, schedule};
use crate::harness::{Function, Stack};
use crate::layout::event;

const MINUTE: i64 = 60_000;

/// The unfinished rows of the schedule.
async fn unfinished(stack: &Stack) -> usize {
    let rows = stack.rows("Schedule").await;
    let is_pending = |row: &&Value| row["to"].is_object() && row["content"].is_object() && row["done"].is_null();
    rows.iter().filter(is_pending).filter(|row| row["stage"]["S"] != "failed").count()
}

#[tokio::test]
async fn after_an_hour_without_sweeps_everything_overdue_goes_out_once_and_a_series_fires_once() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    stack.sweep().await;
    let mut ids = Vec::new();
    for minutes in 5..50 {
        let body = json!({"to": "user:alice", "body": "overdue", "delay": format!("{minutes}m")});
        ids.push(schedule(&stack, &body).await.0);
    }
    let series =
        schedule(&stack, &json!({"to": "user:series", "body": "x", "repeat": "*/5 * * * *", "delay": "4m"})).await.0;
    let cancelled = schedule(&stack, &json!({"to": "user:alice", "body": "cancelled", "delay": "20m"})).await.0;
    assert_eq!(cancel(&stack, &cancelled).await.0, 200);
    assert_eq!(stack.queued("DueQueue").await, 0, "all of it is the sweeper's");

    stack.set_ahead(62 * MINUTE).await;
    stack.sweep().await;
    stack.until("all is sent", || async { stack.seqs("user:alice").await.len() == ids.len() }).await;
    stack.until("the series fires", || async { stack.seqs("user:series").await.len() == 1 }).await;
    for _ in 0..3 {
        stack.sweep().await;
    }
    // One for each row, one for the series and perhaps one for its next notification, if that is near.
    let queued = stack.queued("DueQueue").await;
    let once = ids.len() as u64 + 1;
    assert!((once..=once + 1).contains(&queued), "{queued} messages for {once} rows");
    assert_eq!(stack.seqs("user:alice").await.len(), ids.len(), "nothing twice");
    assert_eq!(stack.seqs("user:series").await.len(), 1, "what was missed comes as one");
    for id in ids {
        assert_eq!(look(&stack, &id).await["state"], "sent");
    }
    assert_eq!(look(&stack, &series).await["state"], "scheduled");
}

#[tokio::test]
async fn a_backlog_of_ten_minutes_adds_at_most_one_message_a_row() {
    const ROWS: u64 = 40;
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    // Some are queued by who writes them, the others by the sweeper.
    for n in 0..ROWS {
        let delay = if n % 2 == 0 { "2s" } else { "4m" };
        schedule(&stack, &json!({"to": format!("user:{n}"), "body": "x", "delay": delay})).await;
    }
    // Nobody takes the messages: each batch is held, and then fails.
    stack.fault(json!({"on": "invoke.Deliver", "times": 0, "do": {"delay_ms": 11_000}})).await;
    stack.fault(json!({"on": "respond.Deliver", "times": 0, "do": {"error": "Held"}})).await;
    let ten_minutes_behind = 4 + 10;
    for minute in 0..=ten_minutes_behind {
        stack.set_ahead(minute * MINUTE).await;
        stack.sweep().await;
    }
    let queued = stack.queued("DueQueue").await;
    assert!(queued >= ROWS, "each was queued: {queued}");
    assert!(queued <= 2 * ROWS, "{queued} messages for {ROWS} rows");
}

/// One process' clock: the schedule's, whose firing the event tells, is right.
#[tokio::test]
async fn a_sweeper_whose_clock_is_an_hour_ahead_makes_nothing_late_that_is_scheduled_after_it() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    let mut sweeper = Function::start(&stack, "Sweeper").await;
    let mut event = event("sweeper");
    event["time"] = json!(jiff::Timestamp::now().to_string());
    stack.set_ahead(60 * MINUTE).await;
    // Its deadline is by the right clock as well.
    sweeper.invoke_within(&event, Duration::from_secs(61 * 60)).await;
    stack.set_ahead(0).await;
    // Just beyond what its writer queues, and far beyond.
    let mut ids = Vec::new();
    for delay in ["185s", "200s", "5m"] {
        ids.push(schedule(&stack, &json!({"to": "user:alice", "body": "x", "delay": delay})).await.0);
    }
    for minutes in [1, 2, 3, 4, 5] {
        stack.set_ahead(minutes * MINUTE).await;
        stack.sweep().await;
    }
    for id in &ids {
        stack.until("it is sent", || async { look(&stack, id).await["state"] == "sent" }).await;
    }
    assert_eq!(stack.queued("DueQueue").await, 3, "each by the first sweep that could");
}

/// By the time that DynamoDB answers again, a notification has been given up, and its message can be sent again.
#[tokio::test]
async fn what_cannot_be_delivered_is_in_the_dead_letter_queue_then_failed_and_can_be_sent_again() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    stack.sweep().await;
    let id = schedule(&stack, &json!({"to": "user:alice", "body": "hard", "delay": "2s"})).await.0;
    let series = schedule(&stack, &json!({"to": "user:series", "body": "hard", "repeat": "* * * * *"})).await.0;
    let broken = json!({
        "on": "dynamodb.TransactWriteItems", "function": "Deliver", "times": 0, "do": {"error": "ValidationException"},
    });
    stack.fault(broken).await;
    let dead = || async { stack.queue("DueDeadLetters").await["visible"].as_u64().unwrap() };
    // The series' first message comes within a minute. Five tries take about as long.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(240);
    while dead().await < 2 {
        assert!(tokio::time::Instant::now() < deadline, "nothing reached the dead-letter queue");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let state = look(&stack, &id).await;
    assert_eq!(state["state"], "scheduled", "the sweeper tries it again: {state}");
    assert!(state["dead_lettered_at"].is_string(), "{state}");

    // Two more rounds, and then no more.
    let mut ahead = 0;
    for (minutes, state) in [(8, "scheduled"), (15, "scheduled"), (22, "failed")] {
        ahead += minutes * MINUTE;
        stack.set_ahead(ahead).await;
        stack.sweep().await;
        assert_eq!(look(&stack, &id).await["state"], state, "after {minutes} more minutes");
    }
    assert!(stack.has_logged(&["ERROR", &id, "could not be delivered"]), "the log has an error for the operator");
    let progress = stack.rows("Schedule").await.into_iter().find(|row| row["bucket"]["S"] == "sweeper").unwrap();
    let open = progress["open"]["L"].as_array().unwrap();
    assert!(open.is_empty(), "what has failed holds nothing back: {open:?}");
    assert_eq!(look(&stack, &series).await["state"], "scheduled", "a series goes on after one that failed");
    assert_eq!(stack.seqs("user:alice").await.len(), 0);

    stack.assert_faults_fired().await;
    let target = stack.queue("DueDeadLetters").await;
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{}", target["name"].as_str().unwrap());
    let (status, answer) = stack.aws_call("AmazonSQS.StartMessageMoveTask", &json!({"SourceArn": arn})).await;
    assert_eq!(status, 200, "{answer}");
    stack.until("it is sent", || async { look(&stack, &id).await["state"] == "sent" }).await;
    stack.until("all is done", || async { unfinished(&stack).await <= 1 }).await;
    assert_eq!(stack.seqs("user:alice").await.len(), 1, "once, however many messages there were");
}
