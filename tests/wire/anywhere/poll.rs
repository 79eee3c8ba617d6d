//! Reading over HTTP: at once, or as soon as there is something to tell.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Bundle, Target, in_an_hour};

/// One poll by a reader of everything.
pub(crate) async fn poll(bundle: &Bundle, cursors: &[String], further: &[(&str, &str)]) -> Answer {
    let reader = bundle.token(&json!({"sub": bundle.name("reader"), "subscribe": ["*", "user:*"]}));
    poll_as(bundle, &reader, cursors, further).await
}

async fn poll_as(bundle: &Bundle, token: &str, cursors: &[String], further: &[(&str, &str)]) -> Answer {
    let channels = cursors.iter().map(|cursor| ("channel", cursor.as_str()));
    let parameters: Vec<_> = channels.chain(further.iter().copied()).collect();
    let url = reqwest::Url::parse_with_params("http://any/v1/notifications", parameters).unwrap();
    let path = url.as_str().strip_prefix("http://any").unwrap();
    bundle.call(Method::GET, path, Some(token), &[], None).await
}

/// The only channel of an answer, and the seqs of its items.
pub(crate) fn only(answer: &Answer) -> (&Value, Vec<u64>) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let [channel] = answer.body["channels"].as_array().unwrap().as_slice() else { panic!("{answer:?}") };
    (channel, seqs(channel))
}

fn seqs(channel: &Value) -> Vec<u64> {
    channel["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()).collect()
}

fn says(channel: &Value, seq: u64, recovered: bool, more: bool) {
    let told = (&channel["seq"], &channel["recovered"], &channel["more"], channel.get("reset"));
    assert_eq!(told, (&json!(seq), &json!(recovered), &json!(more), None), "{channel}");
}

#[tokio::test]
async fn a_poll_reads_page_after_page_what_came_after_a_seq() {
    let target = Target::start().await;
    let alices = target.inbox("alice");
    for n in 1..=5 {
        target.send(&alices, &n.to_string()).await;
    }
    let answer = poll(&target, &[format!("{alices}:1")], &[("limit", "3")]).await;
    let (channel, seqs) = only(&answer);
    assert_eq!(seqs, [2, 3, 4]);
    says(channel, 4, true, true);
    let first = &channel["items"][0];
    assert_eq!((&first["body"], &channel["unread"]), (&json!("2"), &json!(5)));
    assert!(first["sent_at"].is_string() && first["id"].is_string());

    let answer = poll(&target, &[format!("{alices}:4")], &[("limit", "3")]).await;
    let (channel, seqs) = only(&answer);
    assert_eq!(seqs, [5]);
    says(channel, 5, true, false);

    let answer = poll(&target, &[format!("{alices}:5")], &[]).await;
    let (channel, seqs) = only(&answer);
    assert_eq!((seqs, &channel["unread"]), (vec![], &json!(5)));
    says(channel, 5, true, false);
}

#[tokio::test]
async fn without_a_seq_a_poll_reads_the_newest() {
    let target = Target::start().await;
    let (news, empty) = (target.topic("news"), target.topic("empty"));
    for n in 1..=4 {
        target.send(&news, &n.to_string()).await;
    }
    let answer = poll(&target, &[news, empty.clone()], &[("limit", "2")]).await;
    let channels = answer.body["channels"].as_array().unwrap();
    assert_eq!(seqs(&channels[0]), [3, 4]);
    says(&channels[0], 4, true, false);
    assert_eq!((&channels[1]["channel"], seqs(&channels[1])), (&json!(empty), vec![]));
    says(&channels[1], 0, true, false);
}

#[tokio::test]
async fn a_long_poll_answers_as_soon_as_one_of_its_channels_has_something() {
    let target = Target::start().await;
    let (quiet, news) = (target.topic("quiet"), target.topic("news+1"));
    target.send(&quiet, "before").await;
    let cursors = [format!("{quiet}:1"), format!("{news}:0")];
    let waiting = async {
        let answer = poll(&target, &cursors, &[("wait", "25")]).await;
        (Instant::now(), answer)
    };
    let sending = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        target.send(&news, "now").await;
        Instant::now()
    };
    let ((answered, answer), sent) = tokio::join!(waiting, sending);
    let channels = answer.body["channels"].as_array().unwrap();
    assert_eq!((seqs(&channels[0]), seqs(&channels[1])), (vec![], vec![1]));
    says(&channels[0], 1, true, false);
    let late = answered.saturating_duration_since(sent);
    assert!(late < Duration::from_secs(3), "{late:?} after it was sent");
}

#[tokio::test]
async fn a_long_poll_ends_when_its_time_is_over_or_its_token_does() {
    let target = Target::start().await;
    let alices = target.inbox("alice");
    target.send(&alices, "1").await;
    let began = Instant::now();
    let answer = poll(&target, &[format!("{alices}:1")], &[("wait", "2")]).await;
    let (channel, seqs) = only(&answer);
    assert_eq!(seqs, Vec::<u64>::new());
    says(channel, 1, true, false);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}");

    let ends = in_an_hour() - 3600 + 3;
    let token = target.token(&json!({"sub": target.name("alice"), "exp": ends}));
    let began = Instant::now();
    let answer = poll_as(&target, &token, &[format!("{alices}:1")], &[("wait", "25")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_readers_no_longer_see_moves_the_cursor_and_ends_no_wait() {
    let target = Target::start().await;
    let news = target.topic("news");
    for key in ["a", "b", "a"] {
        target.post(&json!({"to": news, "body": "x", "collapse_key": key})).await;
    }
    let answer = poll(&target, &[format!("{news}:0")], &[]).await;
    assert_eq!(only(&answer).1, [2, 3], "of one key only the newest");

    let fleeting = target.topic("fleeting");
    target.post(&json!({"to": fleeting, "body": "x", "ttl": "1s"})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let began = Instant::now();
    let answer = poll(&target, &[format!("{fleeting}:0")], &[("wait", "2")]).await;
    let (channel, seqs) = only(&answer);
    assert_eq!(seqs, Vec::<u64>::new());
    says(channel, 1, true, false);
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_cursor_beyond_the_log_is_reset_at_once() {
    let target = Target::start().await;
    let news = target.topic("news");
    target.send(&news, "1").await;
    let answer = poll(&target, &[format!("{news}:9")], &[("wait", "25")]).await;
    let (channel, _) = only(&answer);
    assert_eq!((&channel["seq"], &channel["recovered"], &channel["reset"]), (&json!(1), &json!(false), &json!(true)));
}

#[tokio::test]
async fn a_poll_is_refused_by_name() {
    let target = Target::start().await;
    let (alices, bobs) = (target.inbox("alice"), target.inbox("bob"));
    let alice = target.token(&json!({"sub": target.name("alice"), "subscribe": ["topic:*"]}));
    let none = target.call(Method::GET, "/v1/notifications?channel=topic:a", None, &[], None).await;
    assert_eq!((none.status, none.code()), (401, "missing_token"));
    let foreign = poll_as(&target, &alice, &[alices.clone(), bobs], &[("wait", "25")]).await;
    assert_eq!((foreign.status, foreign.code()), (403, "forbidden"));
    assert_eq!(foreign.body["field"], "channel[1]");
    let many: Vec<_> = (0..11).map(|n| format!("topic:{n}")).collect();
    let many = poll_as(&target, &alice, &many, &[]).await;
    assert_eq!((many.status, many.code()), (400, "too_many_channels"));
    for (cursors, further, field) in [
        (vec![], ("wait", "1"), "channel"),
        (vec!["alice".to_owned()], ("wait", "1"), "channel[0]"),
        (vec![format!("{alices}:x")], ("wait", "1"), "channel[0]"),
        (vec![alices.clone()], ("wait", "26"), "wait"),
        (vec![alices.clone()], ("limit", "101"), "limit"),
        (vec![alices.clone()], ("after", "1"), "after"),
    ] {
        let answer = poll_as(&target, &alice, &cursors, &[further]).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{answer:?}");
        assert_eq!(answer.body["field"], field);
    }
}
