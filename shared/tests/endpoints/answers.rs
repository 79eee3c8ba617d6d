//! A receiver's answers, and their absence.

use std::time::Duration;

use shared::kinds::url::{PublicUrl, UrlRules};
use shared::transports::client::Reason;
use tokio::net::TcpSocket;
use tokio::time::Instant;

use super::names::{NameServer, Zone};
use super::server::{Does, Server, answer};
use super::{client, local, post, post_to};

#[tokio::test]
async fn an_answer_has_its_status_its_wait_and_its_first_characters() {
    let body = "é".repeat(300);
    let server = Server::start(Does::Answer(answer("503 Busy", "Retry-After: 120\r\n", &body)));
    let answer = post(&local(), &server.url()).await.unwrap();
    assert_eq!((answer.status, answer.retry_after_seconds), (503, Some(120)));
    assert_eq!(answer.first_characters, "é".repeat(200));
    assert!(answer.latency > Duration::ZERO && answer.latency < Duration::from_secs(15));
    let request = server.requests()[0][0].to_lowercase();
    assert!(request.contains("content-type: application/json\r\n") && request.contains("user-agent: tidings/"));
    assert!(request.contains(&format!("host: {}\r\n", server.address)), "{request}");
}

#[tokio::test]
async fn what_is_no_text_is_made_some() {
    let body = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\u{0}b".to_owned();
    let server = Server::start(Does::Answer(body));
    assert_eq!(post(&local(), &server.url()).await.unwrap().first_characters, "a\u{0}b");
}

#[tokio::test]
async fn a_body_without_an_end_is_dropped_after_its_beginning() {
    let endless = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n{}", "x".repeat(1_000_000));
    let server = Server::start(Does::Answer(endless));
    let client = local();
    let start = Instant::now();
    for _ in 0..2 {
        assert_eq!(post(&client, &server.url()).await.unwrap().first_characters.len(), 200);
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(server.connections(), 2, "a connection with the rest of a body is not used again");
}

#[tokio::test]
async fn a_status_counts_although_its_body_breaks_off() {
    let server = Server::start(Does::AnswerAndClose("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()));
    let answer = post(&local(), &server.url()).await.unwrap();
    assert_eq!((answer.status, answer.first_characters.as_str()), (200, "half"));
}

#[tokio::test]
async fn a_receiver_has_fifteen_seconds_and_its_body_one() {
    let silent = Server::start(Does::Hang);
    let slow = Server::start(Does::Answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_owned()));
    let start = Instant::now();
    let client = local();
    let (silent, slow) = (silent.url(), slow.url());
    let slow = async { (post(&client, &slow).await, start.elapsed()) };
    let (silent, slow) = tokio::join!(post(&client, &silent), slow);
    let (slow, took_slow) = slow;
    assert_eq!(slow.unwrap().first_characters, "half");
    assert!(took_slow >= Duration::from_millis(900) && took_slow < Duration::from_secs(5), "{took_slow:?}");
    assert_eq!(silent, Err(Reason::Timeout));
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(14_900) && took < Duration::from_secs(17), "{took:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_none() {
    let client = local();
    for (does, reason) in [
        (Does::Answer("SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned()), Reason::InvalidAnswer),
        (Does::Close, Reason::ConnectionClosed),
    ] {
        assert_eq!(post(&client, &Server::start(does).url()).await, Err(reason));
    }
}

#[tokio::test]
async fn a_status_counts_although_its_head_keeps_to_no_rule() {
    let huge = format!("X: {}", "x".repeat(200_000));
    for line in ["Set-Cookie: a=\u{1}", "Server : x", "X: 1\r\n 2", "no colon", "Content-Length: x", &huge] {
        let head = format!("HTTP/1.1 429 Later\r\nRetry-After: 7\r\n{line}\r\n\r\n");
        let answer = post(&local(), &Server::start(Does::AnswerAndClose(head)).url()).await.unwrap();
        assert_eq!((answer.status, answer.retry_after_seconds), (429, Some(7)), "{line:.20}");
    }
}

/// The status of one answer does not count as the next one's.
#[tokio::test]
async fn a_status_is_of_its_own_request() {
    let server = Server::start(Does::AnswerOnce(answer("200 OK", "", "ok")));
    let client = local();
    assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    assert_eq!(post(&client, &server.url()).await, Err(Reason::ConnectionClosed));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_unreachable_address_differs_from_an_unknown_name() {
    // Bound, so that nobody else gets the port, but not listened on.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let nobody = socket.local_addr().unwrap();
    assert_eq!(post(&local(), &format!("http://{nobody}/")).await, Err(Reason::ConnectionRefused));

    let names = NameServer::start(Zone::new());
    let url = PublicUrl::parse("https://nowhere.test/", &UrlRules::default()).unwrap();
    let answer = post_to(&client(&UrlRules::default(), Some(names.address)), &url).await;
    assert_eq!(answer, Err(Reason::NameNotFound));
}
