//! A crowd that is due in one second: all of it comes, once, and never early. How late is said, and not judged: it is
//! this machine's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use crate::anywhere::later::{now, schedule};
use crate::harness::{Socket, Stack, room};

/// Longer than any crowd here takes from the time when it is due.
const OVER: Duration = Duration::from_secs(15 * 60);

/// So long the sweeper waits before it hands something on again. A machine that is slower than this gets doubles, which
/// it then finds done.
const PATIENCE: Duration = Duration::from_secs(6 * 60);

/// The number of publishers at once.
const PUBLISHERS: usize = 32;

/// A crowd is due so long after the last of it should be scheduled, in milliseconds.
const AHEAD: i64 = 20_000;

/// So many more messages than notifications may there be where all are delivered before the sweeper looks again.
const FEW: u64 = 10;

/// Schedules for that moment, one notification to each channel.
async fn schedule_all(stack: &Stack, channels: Vec<String>, due: i64) {
    let due_text = jiff::Timestamp::from_millisecond(due).unwrap().to_string();
    let each = channels.into_iter().map(|channel| {
        let body = json!({"to": channel, "body": "x", "deliver_at": due_text});
        async move { assert_eq!(schedule(stack, &body).await.1, due) }
    });
    stream::iter(each).buffer_unordered(PUBLISHERS).collect::<()>().await;
    assert!(now() < due, "scheduling took longer than was foreseen");
}

/// A whole second that comes when so many notifications should be scheduled, to judge by the time for a first hundred.
async fn due_after_scheduling(stack: &Stack, count: usize) -> i64 {
    let tomorrow = now() / 1000 * 1000 + 24 * 60 * 60 * 1000;
    let begun = Instant::now();
    schedule_all(stack, (0..100).map(|n| format!("user:tomorrow{n}")).collect(), tomorrow).await;
    // The first ones also start the processes, so this errs on the slow side.
    let expected = i64::try_from(begun.elapsed().as_millis() as usize * count / 100).unwrap();
    // And beside a build that begins meanwhile it takes longer than it looked.
    (now() + (expected * 3 / 2).max(40_000) + AHEAD) / 1000 * 1000
}

async fn until_due(due: i64) {
    let left = u64::try_from(due - now()).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(left)).await;
}

/// Waits until no message is left, from when they are due; says how long that took.
async fn until_delivered(stack: &Stack, due: i64) -> Duration {
    until_due(due).await;
    let begun = Instant::now();
    loop {
        let queue = stack.queue("DueQueue").await;
        if ["visible", "in_flight", "delayed"].iter().all(|state| queue[state] == 0) {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < OVER, "messages are left: {queue}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// That no function was cut off, nothing was given up, and hardly anything was handed to the queue twice.
async fn assert_went_smoothly(stack: &Stack, count: u64, took: Duration) {
    assert!(!stack.has_logged(&["Task timed out"]), "a function ran into its timeout");
    let dead = stack.queue("DueDeadLetters").await;
    assert_eq!(dead["visible"], 0, "{dead}");
    let queued = stack.queued("DueQueue").await;
    let most = if took < PATIENCE { count + FEW } else { 2 * count };
    assert!((count..=most).contains(&queued), "{queued} messages for {count} notifications");
}

/// The seqs and send times of each channel's log.
async fn logs(stack: &Stack) -> BTreeMap<String, Vec<(u64, i64, String)>> {
    let mut logs: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for row in stack.all_rows("Notifications").await {
        let number = |name: &str| row[name]["N"].as_str().map(|number| number.parse::<i64>().unwrap());
        // A row without a time is the channel's own.
        let (Some(seq), Some(sent_at)) = (number("seq"), number("sent_at")) else { continue };
        let id = row["id"]["S"].as_str().unwrap().to_owned();
        let channel = row["channel"]["S"].as_str().unwrap().to_owned();
        logs.entry(channel).or_default().push((u64::try_from(seq).unwrap(), sent_at, id));
    }
    logs
}

fn report(name: &str, mut lateness: Vec<i64>) {
    lateness.sort_unstable();
    let (count, median, last) = (lateness.len(), lateness[lateness.len() / 2], lateness[lateness.len() - 1]);
    super::tell(&format!("LATENESS {name}: {count} notifications, median {median} ms, last {last} ms"));
    assert!(lateness[0] >= 0, "{name}: one was early");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_that_are_due_in_one_second_come_to_their_ten_thousand_users_once_each() {
    const USERS: usize = 10_000;
    let _room = room().await;
    let stack = Stack::start().await;
    let due = due_after_scheduling(&stack, USERS).await;
    let users: Vec<String> = (0..USERS).map(|n| format!("user:u{n}")).collect();
    schedule_all(&stack, users.clone(), due).await;
    let took = until_delivered(&stack, due).await;

    assert_went_smoothly(&stack, USERS as u64, took).await;
    let logs = logs(&stack).await;
    assert_eq!(logs.keys().collect::<BTreeSet<_>>(), users.iter().collect(), "everybody, and nobody else");
    for (user, log) in &logs {
        assert!(matches!(log[..], [(1, ..)]), "{user}: {log:?}");
    }
    report("10,000 users in one second", logs.values().flatten().map(|(_, sent_at, _)| sent_at - due).collect());
}

/// The seqs that a socket is given, and how late the last of them came.
async fn seqs(mut socket: Socket, count: usize, due: i64) -> (BTreeSet<u64>, i64) {
    until_due(due).await;
    let mut seqs = BTreeSet::new();
    while seqs.len() < count {
        seqs.insert(socket.item().await["seq"].as_u64().unwrap());
    }
    (seqs, now() - due)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_that_are_due_in_one_second_on_one_channel_are_dense_and_heard() {
    const COUNT: usize = 1_000;
    let _room = room().await;
    let stack = Stack::start().await;
    let due = due_after_scheduling(&stack, COUNT).await;
    let claims = json!({"sub": "alice", "subscribe": ["topic:*"], "channels": ["topic:one"]});
    let socket = stack.connect_with(&claims).await;
    schedule_all(&stack, vec!["topic:one".to_owned(); COUNT], due).await;
    let hearing = tokio::time::timeout(OVER + Duration::from_millis(due.abs_diff(now())), seqs(socket, COUNT, due));
    let (heard, took) = tokio::join!(hearing, until_delivered(&stack, due));

    let (heard, last) = heard.expect("the listener was not given all");
    assert!(heard.into_iter().eq(1..=COUNT as u64), "the listener has other seqs");
    assert_went_smoothly(&stack, COUNT as u64, took).await;
    let logs = logs(&stack).await;
    assert_eq!(logs.keys().collect::<Vec<_>>(), ["topic:one"]);
    let log = &logs["topic:one"];
    let seqs: BTreeSet<u64> = log.iter().map(|(seq, ..)| *seq).collect();
    assert!(log.len() == COUNT && seqs.into_iter().eq(1..=COUNT as u64), "not dense: {log:?}");
    assert_eq!(log.iter().map(|(.., id)| id).collect::<BTreeSet<_>>().len(), COUNT, "each once");
    report("1,000 on one channel in one second", log.iter().map(|(_, sent_at, _)| sent_at - due).collect());
    report("1,000 on one channel, the last as heard", vec![last]);
}
