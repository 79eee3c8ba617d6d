//! An endpoint that its owner adds once more replaces the one before.

use futures_util::future::join_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack};

const CHANNEL: &str = "topic:again";
const ENDPOINTS: &str = "/v1/channels/topic:again/endpoints";

impl Stack {
    /// Ends all processes of a function.
    async fn kill_processes(&self, function: &str) {
        let processes = self.control(Method::GET, "processes", None).await;
        for process in processes.as_array().unwrap().iter().filter(|process| process["function"] == function) {
            let pid = i32::try_from(process["pid"].as_i64().unwrap()).unwrap();
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// The endpoints of the channel, as a publisher sees them.
    async fn listed(&self) -> Vec<Value> {
        let listed = self.call(Method::GET, ENDPOINTS, Some(&self.publisher()), &[], None).await;
        listed.body["endpoints"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn a_webhook_that_is_added_again_is_one_with_what_was_asked_for_last() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let receiver = Receiver::start().await;
    receiver.then([Reply::status(500)]);
    let first = json!({"kind": "webhook", "url": receiver.url, "min_priority": "normal", "only_when_offline": true});
    let first = stack.add_endpoint(CHANNEL, &first).await;
    stack.post(&json!({"to": CHANNEL, "body": "fails first"})).await;
    receiver.wait_for(1, PATIENCE).await;
    stack.until_waiting(1).await;

    let second = stack.add_endpoint(CHANNEL, &json!({"kind": "webhook", "url": receiver.url})).await;
    assert_ne!(second["secret"], first["secret"]);
    assert!(second["previous_until"].is_string(), "the secret before signs too: {second}");
    assert!(second["min_priority"].is_null() && second["only_when_offline"].is_null(), "{second}");
    let [listed] = &stack.listed().await[..] else { panic!("one is listed") };
    assert_eq!((&listed["id"], &listed["state"]), (&second["id"], &json!("active")));

    // What is under way goes on, and what comes next comes once.
    stack.hasten(10).await;
    receiver.wait_for(2, PATIENCE).await;
    let sent = stack.post(&json!({"to": CHANNEL, "body": "x", "priority": "low"})).await;
    assert_eq!(sent.body["channels"][0]["endpoints"], 1);
    let received = receiver.wait_for(3, PATIENCE).await;
    let seqs: Vec<u64> = received.iter().map(crate::harness::Received::seq).collect();
    assert_eq!(seqs, [1, 1, 2]);
    assert!(received[2].header("webhook-signature").contains(' '), "two signatures");
}

#[tokio::test]
async fn one_of_ten_can_be_added_again_and_an_eleventh_cannot() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let webhook = |n: u8| json!({"kind": "webhook", "url": format!("https://hooks.example.com/{n}")});
    for n in 0..10 {
        stack.add_endpoint(CHANNEL, &webhook(n)).await;
    }
    let publisher = stack.publisher();
    let eleventh = stack.call(Method::POST, ENDPOINTS, Some(&publisher), &[], Some(webhook(10).to_string())).await;
    assert_eq!((eleventh.status, eleventh.code()), (400, "too_many_endpoints"));
    // However it is written.
    let again = json!({"kind": "webhook", "url": "https://HOOKS.example.com:443/7", "min_priority": "high"});
    stack.add_endpoint(CHANNEL, &again).await;
    let listed = stack.listed().await;
    assert_eq!(listed.len(), 10);
    let changed: Vec<&Value> = listed.iter().filter(|one| one["min_priority"] == "high").collect();
    assert_eq!((changed.len(), &changed[0]["url"]), (1, &json!("https://hooks.example.com/7")));
}

#[tokio::test]
async fn however_many_add_the_same_at_once_there_is_one() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let webhook = json!({"kind": "webhook", "url": "https://hooks.example.com/"});
    let added = join_all((0..8).map(|_| stack.add_endpoint(CHANNEL, &webhook))).await;
    let listed = stack.listed().await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert!(added.iter().all(|one| one["id"] == listed[0]["id"]), "{added:?}");
    // Another owner's is another one.
    let other = stack.token(&json!({"sub": "another", "publish": ["*"]}));
    let answer = stack.call(Method::POST, ENDPOINTS, Some(&other), &[], Some(webhook.to_string())).await;
    assert_eq!((answer.status, stack.listed().await.len()), (201, 2));
}

#[tokio::test]
async fn a_browser_that_subscribes_again_is_one_with_its_newest_keys() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let service = Receiver::start().await;
    service.always(Reply::status(201));
    // As pages write them that encode with `btoa`.
    let first = json!({"p256dh": "BCVxsr7N/eNgVRqvHtD0zTZsEc6+VV+JvLexhqUzORcxaOzi6+AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4=", "auth": "BTBZMqHH6r4Tts7J/aSIgg=="});
    let second = json!({"p256dh": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8", "auth": "AAAAAAAAAAAAAAAAAAAAAA"});
    for keys in [&first, &first, &second] {
        let subscription = json!({"endpoint": service.url, "expirationTime": null, "keys": keys});
        stack.add_endpoint(CHANNEL, &json!({"kind": "web_push", "subscription": subscription})).await;
    }
    assert_eq!(stack.listed().await.len(), 1);
    let rows = stack.rows("Subscribers").await;
    assert_eq!(rows[0]["target"]["M"]["subscription"]["M"]["keys"]["M"]["auth"]["S"], second["auth"], "{rows:?}");
    // Apple's service asks for no new token within an hour, whichever processes push, and however many.
    let body = json!({"to": CHANNEL, "title": "x"});
    join_all((0..20).map(|_| stack.post(&body))).await;
    service.wait_for(20, PATIENCE).await;
    stack.kill_processes("Attempt").await;
    stack.post(&json!({"to": CHANNEL, "title": "by a new process"})).await;
    let received = service.wait_for(21, PATIENCE).await;
    assert!(received.iter().all(|one| one.header("authorization") == received[0].header("authorization")));
}
