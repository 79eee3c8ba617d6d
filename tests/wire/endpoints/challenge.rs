//! A webhook's server is asked whether it wants notifications, where the stack has that on.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;
use reqwest::Method;
use serde_json::{Value, json};

use super::names::{NameServer, Resolved};
use super::stack::LOOPBACK;
use crate::harness::{Answer, Folder, PATIENCE, Receiver, Reply, Stack, receiver_port};

const CHANNEL: &str = "topic:asked";
const ENDPOINTS: &str = "/v1/channels/topic:asked/endpoints";
const NOW: Reply = Reply::Repeat(Duration::ZERO);
const ASKING: [&str; 2] = ["--parameter", "WebhookChallenge=true"];

impl Stack {
    /// A stack that asks the servers of webhooks.
    async fn start_asking() -> Self {
        Self::start_with(&[&LOOPBACK[..], &ASKING].concat()).await
    }

    /// Asks for a webhook, by a token of these claims.
    async fn ask_for(&self, claims: &Value, url: &str) -> Answer {
        let body = json!({"kind": "webhook", "url": url}).to_string();
        self.call(Method::POST, ENDPOINTS, Some(&self.token(claims)), &[], Some(body)).await
    }
}

fn publisher() -> Value {
    json!({"sub": "publisher", "publish": ["*"]})
}

fn refused(answer: &Answer) -> (u16, &str, &str) {
    (answer.status, answer.code(), answer.body["field"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_server_that_repeats_the_challenge_is_added_and_asked_no_more() {
    let stack = Stack::start_asking().await;
    let receiver = Receiver::start().await;
    receiver.always(NOW);
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    let asked = receiver.received();
    assert_eq!((asked.len(), &asked[0].json()["type"]), (1, &json!("challenge")));
    assert_eq!(asked[0].json()["challenge"].as_str().unwrap().len(), 43);
    assert_eq!(asked[0].header("webhook-signature"), "", "the server has no secret yet");

    stack.post(&json!({"to": CHANNEL, "body": "x"})).await;
    assert_eq!(receiver.wait_for(2, PATIENCE).await[1].seq(), 1);
    assert_eq!(stack.add_webhook(CHANNEL, &receiver.url).await.0, id);
    stack.post(&json!({"to": CHANNEL, "body": "y"})).await;
    let received = receiver.wait_for(3, PATIENCE).await;
    assert_eq!((received.len(), received[2].seq()), (3, 2), "no second challenge");
}

#[tokio::test]
async fn the_server_of_a_disabled_endpoint_is_asked_again_under_the_secret_that_it_has() {
    let stack = Stack::start_asking().await;
    let receiver = Receiver::start().await;
    receiver.then([NOW, Reply::status(204), NOW]);
    let (id, secret) = stack.add_webhook(CHANNEL, &receiver.url).await;
    stack.disable_endpoint(CHANNEL, &id).await;
    assert_eq!(refused(&stack.ask_for(&publisher(), &receiver.url).await), (400, "challenge_failed", "url"));
    assert_eq!(stack.endpoint(CHANNEL, &id).await["state"], "disabled");
    let added = stack.ask_for(&publisher(), &receiver.url).await;
    assert_eq!((added.status, &added.body["id"], &added.body["state"]), (201, &json!(id), &json!("active")));
    assert_ne!(added.body["secret"], json!(secret));
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    for asked in &received[1..] {
        assert!(asked.header("webhook-signature").starts_with("v1,"), "{asked:?}");
        assert!(asked.header("webhook-id").starts_with("challenge_"), "{asked:?}");
    }
    assert_ne!(received[1].json(), received[2].json());
}

/// Tries time itself: one of the servers takes longer than it has.
#[tokio::test]
async fn a_server_that_answers_anything_else_is_refused_in_the_same_words_and_leaves_no_row() {
    let stack = Stack::start_asking().await;
    let elsewhere = Receiver::start().await;
    elsewhere.always(NOW);
    let redirect = |status| Reply::Status(status, Some(("location", elsewhere.url.clone())), "");
    let replies = [
        Reply::Status(200, None, "a page of somebody's"),
        Reply::Status(200, None, r#"{"challenge": "another"}"#),
        Reply::status(204),
        Reply::status(500),
        redirect(302),
        redirect(307),
        Reply::Repeat(Duration::from_millis(5500)),
        Reply::Hang,
    ];
    let refusals = join_all(replies.into_iter().map(async |reply| {
        let receiver = Receiver::start().await;
        receiver.always(reply.clone());
        let answer = stack.ask_for(&publisher(), &receiver.url).await;
        assert_eq!(refused(&answer), (400, "challenge_failed", "url"), "{reply:?}: {answer:?}");
        assert_eq!(receiver.received().len(), 1, "{reply:?}");
        answer.text
    }))
    .await;
    let nobody = format!("http://127.0.0.1:{}/hook", receiver_port());
    let unanswered = stack.ask_for(&publisher(), &nobody).await;
    assert!(refusals.iter().all(|text| *text == unanswered.text), "{unanswered:?} {refusals:?}");
    assert!(elsewhere.received().is_empty(), "no redirect is followed");
    assert_eq!(stack.rows("Subscribers").await, Vec::<Value>::new());
}

#[tokio::test]
async fn nobody_is_asked_for_what_is_refused_anyway() {
    let stack = Stack::start_asking().await;
    let receiver = Receiver::start().await;
    receiver.always(NOW);
    let stranger = stack.ask_for(&json!({"sub": "stranger"}), &receiver.url).await;
    assert_eq!((stranger.status, stranger.code()), (403, "forbidden"));
    for url in ["https://10.0.0.1/hook", "https://169.254.169.254/latest", "http://127.0.0.1:9/", "http://example.com/"]
    {
        assert_eq!(refused(&stack.ask_for(&publisher(), url).await), (400, "invalid_request", "url"), "{url}");
    }
    assert!(receiver.received().is_empty());

    for n in 0..10 {
        stack.add_webhook(CHANNEL, &format!("{}/{n}", receiver.url)).await;
    }
    let eleventh = stack.ask_for(&publisher(), &receiver.url).await;
    assert_eq!((eleventh.status, eleventh.code()), (400, "too_many_endpoints"));
    assert_eq!(receiver.received().len(), 10);
}

/// The stack resolves a name only with the challenge. The caller gets the same answer as for a server that is silent.
#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_not_connected_to() {
    let inside = TcpListener::bind("127.0.0.1:0").unwrap();
    inside.set_nonblocking(true).unwrap();
    let port = inside.local_addr().unwrap().port();
    let here = Resolved { alias_of: None, addresses: vec![[127, 0, 0, 1].into()] };
    let names = NameServer::start([("inside.test".to_owned(), vec![here])].into());
    let (ports, server) = (format!("WebhookPorts={port}"), format!("NameServer={}", names.address));
    let parameters = ["--parameter", &ports, "--parameter", &server];
    let stack = Stack::start_with(&[&parameters[..], &ASKING].concat()).await;

    let answer = stack.ask_for(&publisher(), &format!("https://inside.test:{port}/hook")).await;
    assert_eq!(refused(&answer), (400, "challenge_failed", "url"));
    assert_eq!(names.asked("inside.test", RecordType::A), 1);
    assert_eq!(inside.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(stack.rows("Subscribers").await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_browsers_push_service_is_not_asked() {
    let stack = Stack::start_asking().await;
    let service = Receiver::start().await;
    let keys = json!({
        "p256dh": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        "auth": "AAAAAAAAAAAAAAAAAAAAAA",
    });
    let subscription = json!({"endpoint": service.url, "keys": keys});
    stack.add_endpoint(CHANNEL, &json!({"kind": "web_push", "subscription": subscription})).await;
    assert!(service.received().is_empty());
}

#[tokio::test]
async fn what_was_added_before_the_stack_asks_stays_and_is_not_asked() {
    let folder = Folder::new("challenge");
    let receiver = Receiver::start().await;
    let arguments = [&LOOPBACK[..], &["--data", folder.path()]].concat();
    let stack = Stack::start_with(&arguments).await;
    let (id, _) = stack.add_webhook(CHANNEL, &receiver.url).await;
    drop(stack);
    let stack = Stack::start_with(&[&arguments[..], &ASKING].concat()).await;
    stack.post(&json!({"to": CHANNEL, "body": "x"})).await;
    assert_eq!(receiver.wait_for(1, PATIENCE).await[0].seq(), 1);
    assert_eq!(stack.add_webhook(CHANNEL, &receiver.url).await.0, id);
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_users_challenges_may_fail_fifty_times_a_day() {
    let stack = Stack::start_asking().await;
    let receiver = Receiver::start().await;
    receiver.always(NOW);
    let nobody = format!("http://127.0.0.1:{}/hook", receiver_port());
    // What succeeds does not count.
    stack.add_webhook(CHANNEL, &receiver.url).await;
    let answers = join_all((0..53).map(async |_| stack.ask_for(&publisher(), &nobody).await)).await;
    let reached: Vec<_> = answers.iter().filter(|answer| answer.code() == "too_many_challenges").collect();
    assert_eq!(reached.len(), 3, "{answers:?}");
    for answer in reached {
        let again_in: u32 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(answer.status == 429 && again_in <= 24 * 3600, "{answer:?}");
    }
    let other = stack.ask_for(&json!({"sub": "another", "publish": ["*"]}), &receiver.url).await;
    assert_eq!(other.status, 201, "another user has their own: {other:?}");
}

#[tokio::test]
async fn nobody_is_asked_unless_the_stack_has_it_on() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    stack.add_webhook(CHANNEL, &receiver.url).await;
    stack.post(&json!({"to": CHANNEL, "body": "x"})).await;
    let first = &receiver.wait_for(1, PATIENCE).await[0];
    assert_eq!(first.seq(), 1);
}
