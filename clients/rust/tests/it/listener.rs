use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;
use tidings::token::Claims;
use tidings::{Builder, Cursor, Event, ListenError, Listener, Timing};

use crate::server::{Server, within};

fn token() -> String {
    Claims::new("alice", Duration::from_secs(3_600)).sign("a secret of at least thirty-two bytes").unwrap()
}

fn builder(server: &Server) -> Builder {
    let token = token();
    Listener::builder(server.url(), move || ready(Ok::<_, std::io::Error>(token.clone()))).timing(quick())
}

/// Periods for tests that are cut: nobody else comes back at the same time.
fn quick() -> Timing {
    Timing { reconnect: milliseconds(10), first_retry: Duration::from_millis(10), ..Timing::default() }
}

fn cursor(text: &str) -> Cursor {
    text.parse().unwrap()
}

fn milliseconds(n: u64) -> std::ops::RangeInclusive<Duration> {
    Duration::from_millis(n)..=Duration::from_millis(n)
}

async fn connected(listener: &mut Listener) {
    assert_eq!(within(listener.next()).await, Ok(Event::Connected));
}

async fn disconnected(listener: &mut Listener) -> String {
    match within(listener.next()).await {
        Ok(Event::Disconnected { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

async fn seq(listener: &mut Listener) -> u64 {
    match within(listener.next()).await {
        Ok(Event::Notification { item, .. }) => item.seq.unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_token_goes_into_the_subprotocol_and_not_into_the_url() {
    let server = Server::start().await;
    let token = token();
    let given = token.clone();
    let _listener = Listener::builder(format!("{}/dev", server.url()), move || ready(Ok::<_, String>(given.clone())))
        .start()
        .unwrap();
    let peer = server.accept().await;
    assert_eq!(peer.protocols, format!("tidings, bearer.{token}"));
    assert_eq!(peer.path, "/dev");
}

#[tokio::test]
async fn what_the_token_joins_and_what_is_named_is_asked_for() {
    let server = Server::start().await;
    let _listener = builder(&server).channel(cursor("topic:a:41")).start().unwrap();
    let mut peer = server.accept().await;
    assert_eq!(peer.question().await.0, json!({"action": "subscribe", "channel": "topic:a", "after": 41}));
    assert_eq!(peer.question().await.0, json!({"action": "subscribe", "channel": "user:alice"}));
}

#[tokio::test]
async fn after_an_abrupt_cut_it_resumes_behind_what_it_has() {
    let server = Server::start().await;
    let mut listener = builder(&server).channel(cursor("user:alice:40")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.notify("user:alice", &[41]).await;
    peer.subscribed("user:alice", 41, reference).await;
    peer.notify("user:alice", &[42]).await;
    connected(&mut listener).await;
    assert_eq!((seq(&mut listener).await, seq(&mut listener).await), (41, 42));
    peer.disconnect();
    disconnected(&mut listener).await;

    let mut peer = server.accept().await;
    let (question, reference) = peer.question().await;
    assert_eq!(question, json!({"action": "subscribe", "channel": "user:alice", "after": 42}));
    connected(&mut listener).await;
    peer.notify("user:alice", &[42, 43]).await;
    peer.subscribed("user:alice", 45, reference).await;
    assert_eq!(seq(&mut listener).await, 43);
    peer.notify("user:alice", &[46]).await;
    assert_eq!(seq(&mut listener).await, 46);
    assert_eq!(listener.cursors(), [cursor("user:alice:46")]);
}

#[tokio::test]
async fn the_cursors_are_those_of_what_the_application_has_taken() {
    let server = Server::start().await;
    let mut listener = builder(&server).channel(cursor("user:alice:40")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.notify("user:alice", &[41, 42]).await;
    peer.subscribed("user:alice", 42, reference).await;
    connected(&mut listener).await;
    assert_eq!(listener.cursors(), [cursor("user:alice:40")]);
    assert_eq!(seq(&mut listener).await, 41);
    assert_eq!(listener.cursors(), [cursor("user:alice:41")]);
}

#[tokio::test]
async fn a_planned_reconnect_opens_the_new_connection_before_it_closes_the_old() {
    let server = Server::start().await;
    let timing = Timing { replace: milliseconds(300), ..quick() };
    let mut listener = builder(&server).timing(timing).channel(cursor("user:alice:0")).start().unwrap();
    let mut old = server.accept().await;
    let (_, reference) = old.question().await;
    old.subscribed("user:alice", 0, reference).await;
    connected(&mut listener).await;
    let stream = server.accept();
    // The old one works until the new one does.
    old.notify("user:alice", &[1]).await;
    assert_eq!(seq(&mut listener).await, 1);
    let mut new = stream.await;
    old.closed().await;
    let (question, reference) = new.question().await;
    assert_eq!(question, json!({"action": "subscribe", "channel": "user:alice", "after": 1}));
    new.subscribed("user:alice", 1, reference).await;
    new.notify("user:alice", &[2]).await;
    assert_eq!(seq(&mut listener).await, 2);
}

#[tokio::test]
async fn a_ping_that_nothing_answers_ends_the_connection() {
    let server = Server::start().await;
    let timing = Timing { ping: milliseconds(50), pong: Duration::from_millis(400), ..quick() };
    let mut listener = builder(&server).timing(timing).start().unwrap();
    let mut peer = server.accept().await;
    connected(&mut listener).await;
    peer.question().await;
    assert_eq!(peer.frame().await, json!({"action": "ping"}));
    peer.send(json!({"type": "pong"})).await;
    assert_eq!(peer.frame().await, json!({"action": "ping"}));
    // Anything is a sign of life.
    peer.notify("user:alice", &[]).await;
    assert_eq!(peer.frame().await, json!({"action": "ping"}));
    assert_eq!(disconnected(&mut listener).await, "nothing answered a ping");
    server.accept().await;
    connected(&mut listener).await;
}

#[tokio::test]
async fn a_refused_token_ends_the_listener() {
    for (line, status) in [("401 Unauthorized", 401), ("403 Forbidden", 403)] {
        let server = Server::start().await;
        let mut listener = builder(&server).start().unwrap();
        for _ in 0..2 {
            server.refuse(line).await;
            assert!(disconnected(&mut listener).await.contains(&status.to_string()));
        }
        server.refuse(line).await;
        assert_eq!(within(listener.next()).await, Err(ListenError::TokenRefused { status }));
        assert_eq!(within(listener.next()).await, Err(ListenError::TokenRefused { status }));
    }
}

#[tokio::test]
async fn a_token_source_that_panics_is_asked_again() {
    let server = Server::start().await;
    let calls = AtomicU32::new(0);
    let token = token();
    let source = move || {
        assert!(calls.fetch_add(1, Ordering::Relaxed) > 0, "the first call is to panic");
        ready(Ok::<_, String>(token.clone()))
    };
    let mut listener = Listener::builder(server.url(), source).timing(quick()).start().unwrap();
    assert!(disconnected(&mut listener).await.contains("panic"));
    server.accept().await;
    connected(&mut listener).await;
}

#[tokio::test]
async fn a_notification_that_cannot_be_read_is_handed_on_as_it_came() {
    let server = Server::start().await;
    let mut listener = builder(&server).channel(cursor("user:alice:40")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    let poison = format!(r#"{{"seq":42,"data":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let items = format!(r#"[{{"seq":41}},{poison},{{"seq":43}}]"#);
    peer.send_text(format!(r#"{{"type":"notifications","channel":"user:alice","items":{items}}}"#)).await;
    peer.subscribed("user:alice", 43, reference).await;
    connected(&mut listener).await;
    assert_eq!(seq(&mut listener).await, 41);
    match within(listener.next()).await {
        Ok(Event::Notification { item, .. }) => {
            assert_eq!((item.seq, item.raw.as_deref()), (Some(42), Some(&*poison)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(seq(&mut listener).await, 43);
}

#[tokio::test]
async fn after_a_frame_that_cannot_be_read_it_resumes_behind_what_it_has() {
    let server = Server::start().await;
    let mut listener = builder(&server).channel(cursor("user:alice:40")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.send_text(r#"{"type":"notifications","channel":"user:alice","items":[{"seq":41}"#.to_owned()).await;
    peer.subscribed("user:alice", 41, reference).await;
    connected(&mut listener).await;
    assert_eq!(disconnected(&mut listener).await, "a frame could not be read");
    let mut peer = server.accept().await;
    let (question, reference) = peer.question().await;
    assert_eq!(question["after"], 40);
    connected(&mut listener).await;
    peer.notify("user:alice", &[41]).await;
    peer.subscribed("user:alice", 41, reference).await;
    assert_eq!(seq(&mut listener).await, 41);
}

#[tokio::test]
async fn a_channel_that_is_named_again_without_a_seq_keeps_the_one_it_has() {
    let server = Server::start().await;
    let names = ["topic:a:41", "topic:a", "topic:a:50"];
    let listener = names.iter().fold(builder(&server), |builder, name| builder.channel(cursor(name))).start().unwrap();
    let mut peer = server.accept().await;
    assert_eq!(peer.question().await.0, json!({"action": "subscribe", "channel": "topic:a", "after": 41}));
    assert_eq!(listener.cursors(), [cursor("topic:a:41")]);
}

#[tokio::test]
async fn what_waits_while_the_application_takes_nothing_is_not_asked_for_again() {
    let server = Server::start().await;
    let timing = Timing { answer: milliseconds(150), gap: milliseconds(50), ..quick() };
    let mut listener = builder(&server).timing(timing).channel(cursor("user:alice:0")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.subscribed("user:alice", 0, reference).await;
    // More than may wait for the application.
    peer.notify("user:alice", &(1..=1_000).collect::<Vec<_>>()).await;
    peer.notify("user:alice", &[1_002]).await;
    connected(&mut listener).await;
    for expected in 1..=1_000 {
        assert_eq!(seq(&mut listener).await, expected);
    }
    let (question, reference) = peer.question().await;
    assert_eq!(question["after"], 1_000);
    // The answer is there, and many others before it, while nobody takes any.
    peer.notify("user:alice", &(1_001..=1_600).collect::<Vec<_>>()).await;
    peer.subscribed("user:alice", 1_600, reference).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    for expected in 1_001..=1_600 {
        assert_eq!(seq(&mut listener).await, expected);
    }
    // It did not ask for what was there all the time.
    assert!(tokio::time::timeout(Duration::from_millis(300), peer.frame()).await.is_err());
}

#[tokio::test]
async fn any_other_failure_is_tried_again_with_a_token_asked_for_anew() {
    let server = Server::start().await;
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let token = token();
    let source = move || {
        let first = counted.fetch_add(1, Ordering::Relaxed) == 0;
        ready(if first { Err("the issuer is away") } else { Ok(token.clone()) })
    };
    let mut listener = Listener::builder(server.url(), source).start().unwrap();
    assert_eq!(disconnected(&mut listener).await, "there is no token: the issuer is away");
    server.refuse("503 Service Unavailable").await;
    assert!(disconnected(&mut listener).await.contains("503"));
    server.accept().await;
    connected(&mut listener).await;
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_dropped_listener_closes_its_connection() {
    let server = Server::start().await;
    let mut listener = builder(&server).start().unwrap();
    let mut peer = server.accept().await;
    peer.question().await;
    connected(&mut listener).await;
    drop(listener);
    peer.closed().await;
}

#[tokio::test]
async fn an_application_that_is_slow_loses_nothing() {
    const ALL: u64 = 5_000;
    let server = Server::start().await;
    let mut listener = builder(&server).channel(cursor("user:alice:0")).start().unwrap();
    let mut peer = server.accept().await;
    let (_, reference) = peer.question().await;
    peer.subscribed("user:alice", 0, reference).await;
    let flood = tokio::spawn(async move {
        for seq in 1..=ALL {
            peer.notify("user:alice", &[seq]).await;
        }
        peer
    });
    connected(&mut listener).await;
    for expected in 1..=ALL {
        assert_eq!(seq(&mut listener).await, expected);
    }
    drop(flood);
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_at_once() {
    let source = || ready(Ok::<_, String>(String::new()));
    assert!(matches!(Listener::builder("not an address", source).start(), Err(ListenError::Address { .. })));
}
