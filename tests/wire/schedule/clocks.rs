//! A series goes out at its local time, also when the clocks change.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::anywhere::later::{look, moment, schedule};
use crate::harness::Stack;

/// A sweep looks through the 11,520 buckets of a day, which takes a machine that does much else minutes.
const CATCHES_UP: Duration = Duration::from_secs(300);

/// When the notifications of a channel were sent, by the functions' clock, to the minute: a busy machine is some seconds late.
async fn sent(stack: &Stack, channel: &str) -> Vec<String> {
    let rows = stack.log_rows(channel).await;
    let at = |row: &serde_json::Value| row["sent_at"]["N"].as_str().unwrap().parse::<i64>().unwrap();
    let minute = |row| Timestamp::from_millisecond(at(row)).unwrap().strftime("%Y-%m-%dT%H:%MZ").to_string();
    rows.iter().map(minute).collect()
}

/// Goes to a moment over the time since the last sweep, which the next ones have to go through first.
async fn jump(stack: &Stack, clock: &str) {
    let before = clock.parse::<Timestamp>().unwrap() - SignedDuration::from_mins(10);
    stack.set_clock(&before.to_string()).await;
    let is_caught_up = || async {
        stack.sweep().await;
        let rows = stack.rows("Schedule").await;
        let progress = rows.iter().find(|row| row["bucket"]["S"] == "sweeper").unwrap();
        progress["handed"]["N"].as_str().unwrap().parse::<i64>().unwrap() >= before.as_millisecond()
    };
    stack.until_within(CATCHES_UP, "the sweeper has caught up", is_caught_up).await;
    stack.set_clock(clock).await;
    stack.sweep().await;
}

#[tokio::test]
async fn a_series_keeps_its_local_time_when_the_clocks_change() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    // On Sunday, 2027-03-28, Paris goes from 02:00 to 03:00; on 2027-10-31 from 03:00 to 02:00.
    stack.set_clock("2027-03-27T07:59:55Z").await;
    let nine = json!({"to": "user:nine", "body": "x", "repeat": "0 9 * * *", "time_zone": "Europe/Paris"});
    let half_past_two = json!({"to": "user:gap", "body": "x", "repeat": "30 2 * * *", "time_zone": "Europe/Paris"});
    let (nine, _) = schedule(&stack, &nine).await;
    schedule(&stack, &half_past_two).await;
    let sent_to = async |channel: &str, count: usize| {
        stack.until("it is sent", || async { sent(&stack, channel).await.len() == count }).await;
    };
    sent_to("user:nine", 1).await;
    for (channel, clock, count) in [
        ("user:gap", "2027-03-28T00:59:57Z", 1),
        ("user:nine", "2027-03-28T06:59:57Z", 2),
        ("user:gap", "2027-03-29T00:29:57Z", 2),
    ] {
        // Nothing is due on the way.
        stack.skip_to(moment(&json!(clock))).await;
        stack.sweep().await;
        sent_to(channel, count).await;
    }
    assert_eq!(sent(&stack, "user:nine").await, ["2027-03-27T08:00Z", "2027-03-28T07:00Z"]);
    // 02:30 does not exist on that Sunday: it goes out when the gap ends.
    assert_eq!(sent(&stack, "user:gap").await, ["2027-03-28T01:00Z", "2027-03-29T00:30Z"]);
    let series = look(&stack, &nine).await;
    assert_eq!(moment(&series["deliver_at"]), moment(&json!("2027-03-29T07:00:00Z")));
}

#[tokio::test]
async fn what_comes_twice_when_the_clocks_go_back_is_sent_once() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    stack.set_clock("2027-10-31T00:29:57Z").await;
    let body = json!({"to": "user:fold", "body": "x", "repeat": "30 2 * * *", "time_zone": "Europe/Paris"});
    schedule(&stack, &body).await;
    stack.until("it is sent", || async { sent(&stack, "user:fold").await.len() == 1 }).await;
    for clock in ["2027-10-31T01:29:57Z", "2027-11-01T01:29:57Z"] {
        jump(&stack, clock).await;
    }
    stack.until("it is sent", || async { sent(&stack, "user:fold").await.len() == 2 }).await;
    assert_eq!(sent(&stack, "user:fold").await, ["2027-10-31T00:30Z", "2027-11-01T01:30Z"]);
}

#[tokio::test]
async fn lists_and_ranges_are_fixed_times_when_the_clocks_change() {
    let Some(stack) = Stack::start_with_clock(&[]).await else { return };
    stack.stop_sweeps().await;
    for (clock, repeat, zone, next) in [
        // From 02:00 to 03:00: what is left out goes out after the gap.
        ("2027-03-27T12:00:00Z", "15,45 2 * * *", "Europe/Paris", "2027-03-28T01:00:00Z"),
        // From Saturday, 23:00, to Sunday.
        ("2027-03-27T12:00:00Z", "30 22-23 * * SAT", "America/Nuuk", "2027-03-28T00:30:00Z"),
        ("2027-03-28T00:30:00Z", "30 22-23 * * SAT", "America/Nuuk", "2027-03-28T01:00:00Z"),
        // From 02:00 EDT to 01:00 EST: 01:30 has gone out the first time.
        ("2027-11-07T05:30:01Z", "30 1,13 * * *", "America/New_York", "2027-11-07T18:30:00Z"),
        ("2027-11-07T05:30:01Z", "*/30 1 * * *", "America/New_York", "2027-11-07T06:00:00Z"),
    ] {
        stack.set_clock(clock).await;
        let body = json!({"to": "user:lists", "body": "x", "repeat": repeat, "time_zone": zone});
        assert_eq!(schedule(&stack, &body).await.1, moment(&json!(next)), "{repeat} in {zone} from {clock}");
    }
}
