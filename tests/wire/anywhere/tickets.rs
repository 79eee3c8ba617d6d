//! Tickets: a token's rights, for one handshake within half a minute.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Bundle, Socket, Target};

async fn ask(bundle: &Bundle, token: Option<&str>, body: Option<&str>) -> Answer {
    bundle.call(Method::POST, "/v1/tickets", token, &[], body.map(str::to_owned)).await
}

pub(crate) async fn ticket(bundle: &Bundle, claims: &Value) -> String {
    let answer = ask(bundle, Some(&bundle.token(claims)), None).await;
    assert_eq!((answer.status, &answer.body["expires_in"]), (201, &json!(30)), "{answer:?}");
    let ticket = answer.body["ticket"].as_str().unwrap().to_owned();
    bundle.said.text(&ticket);
    ticket
}

/// A socket, if the ticket opens one.
pub(crate) async fn with_ticket(bundle: &Bundle, ticket: &str) -> Option<Socket> {
    let url = reqwest::Url::parse_with_params(&bundle.websocket, [("ticket", ticket)]).unwrap();
    Socket::open(url.as_str(), &[]).await.ok()
}

#[tokio::test]
async fn a_ticket_opens_one_socket_with_its_tokens_rights() {
    let target = Target::start().await;
    let (alices, news) = (target.inbox("alice"), target.topic("news"));
    let claims = json!({"sub": target.name("alice"), "subscribe": ["topic:*"], "channels": [news]});
    let ticket = ticket(&target, &claims).await;
    let mut alice = with_ticket(&target, &ticket).await.expect("it is fresh");
    for channel in [&alices, &news] {
        target.send(channel, "x").await;
        assert_eq!(alice.next().await["channel"], json!(channel));
    }
    let refused = alice.ask(json!({"action": "subscribe", "channel": target.inbox("bob")})).await.1;
    assert_eq!(refused["code"], "forbidden");
    assert!(with_ticket(&target, &ticket).await.is_none(), "somebody who has seen the address comes too late");
    alice.close().await;
    assert!(with_ticket(&target, &ticket).await.is_none());
}

#[tokio::test]
async fn of_many_who_use_a_ticket_at_once_one_gets_in() {
    let target = Target::start().await;
    let ticket = ticket(&target, &json!({"sub": target.name("alice")})).await;
    let tries = (0..8).map(|_| with_ticket(&target, &ticket));
    let sockets = futures_util::future::join_all(tries).await;
    assert_eq!(sockets.iter().flatten().count(), 1);
}

#[tokio::test]
async fn a_ticket_is_refused_after_half_a_minute() {
    let target = Target::start().await;
    let ticket = ticket(&target, &json!({"sub": target.name("alice")})).await;
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert!(with_ticket(&target, &ticket).await.is_none());
}

#[tokio::test]
async fn what_is_no_ticket_opens_nothing() {
    let target = Target::start().await;
    let real = ticket(&target, &json!({"sub": target.name("alice")})).await;
    let last = if real.ends_with('A') { 'B' } else { 'A' };
    let changed = format!("{}{last}", &real[..real.len() - 1]);
    for made_up in ["x", "", "zoë", &"A".repeat(43), &"A".repeat(real.len()), &real[1..], &changed, &"x".repeat(3000)]
    {
        assert!(with_ticket(&target, made_up).await.is_none(), "{made_up}");
    }
}

#[tokio::test]
async fn only_a_good_token_gets_a_ticket() {
    let target = Target::start().await;
    let none = ask(&target, None, None).await;
    assert_eq!((none.status, none.code()), (401, "missing_token"));
    let alice = target.token(&json!({"sub": target.name("alice")}));
    assert_eq!(ask(&target, Some(&alice), Some("{}")).await.status, 201);
    let named = ask(&target, Some(&alice), Some(r#"{"sub": "bob"}"#)).await;
    assert_eq!((named.status, &named.body["field"]), (400, &json!("sub")));
    let foreign = target.token(&json!({"sub": target.name("alice"), "channels": [target.inbox("bob")]}));
    let refused = ask(&target, Some(&foreign), None).await;
    assert_eq!((refused.status, &refused.body["field"]), (403, &json!("channels[0]")));
}
