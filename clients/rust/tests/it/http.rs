use tidings::{Client, HttpError, Notification};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::within;

/// Instead of an answer: the connection ends without one.
const LOST: (&str, &str) = ("", "");

/// Answers one request after another, each on a connection of its own, and returns what was asked.
pub(crate) async fn serve(
    answers: &'static [(&'static str, &'static str)],
) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(request(&mut stream).await);
            if *answer == LOST {
                continue;
            }
            let (head, body) = answer;
            let length = body.len();
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        requests
    });
    (url, task)
}

async fn request(stream: &mut tokio::net::TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(request).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn header<'a>(request: &'a str, name: &str) -> &'a str {
    request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

fn hello() -> Notification {
    Notification { to: vec!["user:alice".parse().unwrap()], body: Some("hello".to_owned()), ..Notification::default() }
}

const SENT: &str = r#"{"id": "x", "state": "sent", "channels": [{"channel": "user:alice", "seq": 42, "connections": 2,
    "endpoints": 1, "queued": false}]}"#;

#[tokio::test]
async fn what_fails_for_a_while_is_sent_again_under_the_same_key() {
    let (url, server) =
        serve(&[("503 Service Unavailable", "{}"), ("429 Too Many Requests", "{}"), ("202 Accepted", SENT)]).await;
    let sent = within(Client::new(&url, "t").unwrap().send(&hello(), None)).await.unwrap();
    assert_eq!((sent.channels[0].seq, sent.channels[0].connections), (Some(42), 2));
    let requests = within(server).await.unwrap();
    let keys: Vec<_> = requests.iter().map(|request| header(request, "idempotency-key")).collect();
    assert!(!keys[0].is_empty());
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    assert!(requests[0].ends_with(r#"{"to":["user:alice"],"body":"hello"}"#), "{}", requests[0]);
    assert_eq!(header(&requests[0], "authorization"), "Bearer t");
}

#[tokio::test]
async fn a_given_key_is_used() {
    let (url, server) = serve(&[("202 Accepted", SENT)]).await;
    within(Client::new(&url, "t").unwrap().send(&hello(), Some("k-1"))).await.unwrap();
    assert_eq!(header(&within(server).await.unwrap()[0], "idempotency-key"), "k-1");
}

#[tokio::test]
async fn what_is_not_stored_goes_without_a_key() {
    let (url, server) = serve(&[("202 Accepted", SENT)]).await;
    let loose = Notification { store: Some(false), ..hello() };
    within(Client::new(&url, "t").unwrap().send(&loose, None)).await.unwrap();
    assert!(!within(server).await.unwrap()[0].contains("idempotency-key"));
}

#[tokio::test]
async fn retry_after_is_honoured() {
    let (url, server) = serve(&[("503 Service Unavailable\r\nretry-after: 1", "{}"), ("202 Accepted", SENT)]).await;
    let begin = std::time::Instant::now();
    within(Client::new(&url, "t").unwrap().send(&hello(), None)).await.unwrap();
    assert!(begin.elapsed() >= std::time::Duration::from_secs(1));
    within(server).await.unwrap();
}

#[tokio::test]
async fn a_wait_beyond_all_reason_is_not_waited_for() {
    let (url, _server) = serve(&[("503 Service Unavailable\r\nretry-after: 18446744073709551615", "{}")]).await;
    let sent = within(Client::new(&url, "t").unwrap().send(&hello(), None)).await;
    assert!(matches!(sent, Err(HttpError::Refused { status: 503, .. })), "{sent:?}");
}

#[tokio::test]
async fn a_refusal_is_returned_at_once_with_its_code() {
    let problem = r#"{"type": "x", "title": "Not allowed", "status": 403, "code": "forbidden", "detail": "no"}"#;
    let (url, _server) = serve(Box::leak(Box::new([("403 Forbidden", problem)]))).await;
    match within(Client::new(&url, "t").unwrap().send(&hello(), None)).await {
        Err(HttpError::Refused { status: 403, code, detail }) => assert_eq!((&*code, &*detail), ("forbidden", "no")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_channel_is_looked_at() {
    let state = r#"{"channel": "user:a|b", "seq": 42, "oldest": 7, "connections": 1, "endpoints": 0, "unread": 3}"#;
    let (url, server) = serve(Box::leak(Box::new([("200 OK", state)]))).await;
    let seen = within(Client::new(&url, "t").unwrap().channel(&"user:a|b".parse().unwrap())).await.unwrap();
    assert_eq!((seen.seq, seen.oldest, seen.unread), (42, Some(7), Some(3)));
    assert!(within(server).await.unwrap()[0].starts_with("GET /v1/channels/user:a%7Cb HTTP/1.1"));
}

pub(crate) const SCHEDULED: &str = r#"{"id": "n-1", "state": "scheduled", "deliver_at": "2026-11-22T20:00:00.000Z",
    "channels": [{"channel": "user:alice", "connections": 0, "endpoints": 0, "queued": false}]}"#;

pub(crate) const CANCELLED: &str = r#"{"id": "n-1", "state": "cancelled", "deliver_at": "2026-11-22T20:00:00.000Z",
    "repeat": "0 9 * * 1", "time_zone": "Europe/Paris", "channels": [{"channel": "user:alice"}]}"#;

#[tokio::test]
async fn a_scheduled_notification_has_a_time_and_no_place_yet() {
    let (url, server) = serve(&[("202 Accepted", SCHEDULED)]).await;
    let later = Notification {
        deliver_at: Some("2026-11-22T21:00:00+01:00".to_owned()),
        repeat: Some("0 9 * * 1".to_owned()),
        time_zone: Some("Europe/Paris".to_owned()),
        ..hello()
    };
    let sent = within(Client::new(&url, "t").unwrap().send(&later, None)).await.unwrap();
    assert_eq!((&*sent.state, sent.deliver_at.as_deref()), ("scheduled", Some("2026-11-22T20:00:00.000Z")));
    assert_eq!(sent.channels[0].seq, None);
    let fields = r#""deliver_at":"2026-11-22T21:00:00+01:00","repeat":"0 9 * * 1","time_zone":"Europe/Paris"}"#;
    let requests = within(server).await.unwrap();
    assert!(requests[0].ends_with(fields), "{}", requests[0]);
}

#[tokio::test]
async fn a_notification_is_looked_at_however_often_that_fails_first() {
    let sent = r#"{"id": "n-1", "state": "sent", "deliver_at": "2026-11-22T20:00:00.000Z",
        "sent_at": "2026-11-22T20:00:00.480Z", "channels": [{"channel": "user:alice", "seq": 42}]}"#;
    let (url, server) = serve(Box::leak(Box::new([LOST, ("503 Service Unavailable", "{}"), ("200 OK", sent)]))).await;
    let seen = within(Client::new(&url, "t").unwrap().notification("n-1")).await.unwrap();
    assert_eq!((&*seen.state, seen.sent_at.as_deref()), ("sent", Some("2026-11-22T20:00:00.480Z")));
    assert_eq!((seen.channels[0].seq, seen.repeat), (Some(42), None));
    for request in within(server).await.unwrap() {
        assert!(request.starts_with("GET /v1/notifications/n-1 HTTP/1.1"), "{request}");
    }
}

#[tokio::test]
async fn what_was_cancelled_before_its_answer_was_lost_is_cancelled() {
    let (url, server) = serve(&[LOST, ("200 OK", CANCELLED)]).await;
    let seen = within(Client::new(&url, "t").unwrap().cancel("n-1")).await.unwrap();
    assert_eq!((&*seen.state, seen.time_zone.as_deref()), ("cancelled", Some("Europe/Paris")));
    let requests = within(server).await.unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert!(request.starts_with("DELETE /v1/notifications/n-1 HTTP/1.1"), "{request}");
        assert_eq!(header(&request, "authorization"), "Bearer t");
    }
}

#[tokio::test]
async fn what_has_gone_out_cannot_be_cancelled() {
    let problem = r#"{"title": "Sent", "status": 409, "code": "already_sent", "detail": "it was sent"}"#;
    let (url, _server) = serve(Box::leak(Box::new([("409 Conflict", problem)]))).await;
    match within(Client::new(&url, "t").unwrap().cancel("n-1")).await {
        Err(HttpError::Refused { status: 409, code, .. }) => assert_eq!(code, "already_sent"),
        other => panic!("{other:?}"),
    }
}
