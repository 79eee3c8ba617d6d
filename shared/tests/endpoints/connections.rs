//! Connections are used again, and outlived.

use std::thread;
use std::time::Duration;

use shared::transports::client::Reason;

use super::server::{Does, Server, answer};
use super::{local, post};

#[tokio::test]
async fn a_connection_serves_its_requests_in_order() {
    let server = Server::start(Does::Answer(answer("200 OK", "", "ok")));
    let client = local();
    for _ in 0..3 {
        assert_eq!(post(&client, &server.url()).await.unwrap().status, 200);
    }
    assert_eq!(server.connections(), 1);
}

/// The receiver closes its connection while the function is frozen: nothing of ours runs, as here where the thread sleeps.
#[tokio::test]
async fn a_connection_that_died_in_a_freeze_costs_no_attempt() {
    let server = Server::start(Does::AnswerAndClose(answer("200 OK", "", "ok")));
    let client = local();
    for _ in 0..20 {
        assert_eq!(post(&client, &server.url()).await.map(|answer| answer.status), Ok(200));
        thread::sleep(Duration::from_millis(20));
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 20, "a connection each");
    assert!(requests.iter().all(|requests| requests.len() == 1), "{requests:?}");
}

/// The receiver may have acted on it: whether to send it again is decided where attempts are counted.
#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_repeated() {
    let server = Server::start(Does::Close);
    assert_eq!(post(&local(), &server.url()).await, Err(Reason::ConnectionClosed));
    assert_eq!(server.requests().concat().len(), 1);
}
