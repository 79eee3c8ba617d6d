//! Somebody's server, which takes webhooks and answers as the test says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use rand::RngExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::port::bind_receiver;

/// The answer to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// A status, with a header or none, and a text.
    Status(u16, Option<(&'static str, String)>, &'static str),
    /// Nothing, ever.
    Hang,
    /// 204, but only after so long.
    Late(Duration),
    /// The challenge in the request, after so long; 204 to what is none.
    Repeat(Duration),
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, None, "")
    }
}

/// A request that it got.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether it was answered with the failure of [`Receiver::fails`].
    failed: bool,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn seq(&self) -> u64 {
        self.json()["seq"].as_u64().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct Told {
    received: Vec<Received>,
    /// The next answers; when there are no more, `otherwise`.
    next: VecDeque<Reply>,
    otherwise: Option<Reply>,
    /// The part of all other requests that it answers with 500.
    fails: f64,
}

/// The server. It ends with the value.
pub(crate) struct Receiver {
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// A server that answers 204.
    pub(crate) async fn start() -> Self {
        Self::on(bind_receiver())
    }

    /// The same, at an address.
    pub(crate) async fn start_at(address: std::net::SocketAddr) -> Self {
        Self::on(std::net::TcpListener::bind(address).unwrap())
    }

    fn on(listener: std::net::TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let told = Arc::new(Mutex::new(Told::default()));
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().fallback(take).with_state(Arc::clone(&told));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, told, serving }
    }

    /// Sets the answers to the next requests.
    pub(crate) fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.told.lock().unwrap().next.extend(replies);
    }

    /// Sets the answer to all requests without one of their own.
    pub(crate) fn always(&self, reply: Reply) {
        self.told.lock().unwrap().otherwise = Some(reply);
    }

    /// Which share of all requests it answers with 500, by chance; the same one twice at most.
    pub(crate) fn fails(&self, share: f64) {
        self.told.lock().unwrap().fails = share;
    }

    /// The requests that it did not answer with 500 by chance.
    pub(crate) fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|one| !one.failed).collect()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.told.lock().unwrap().received.clone()
    }

    /// Waits until it has got so many requests, and gives them all.
    pub(crate) async fn wait_for(&self, count: usize, patience: Duration) -> Vec<Received> {
        let give_up = Instant::now() + patience;
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(Instant::now() < give_up, "{} of {count} requests have come", received.len());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(told): State<Arc<Mutex<Told>>>, headers: HeaderMap, body: Bytes) -> Response {
    let challenge = challenge(&body);
    let reply = {
        let mut told = told.lock().unwrap();
        // One that fails a third time would wait for half an hour.
        let again = told.received.iter().filter(|one| one.failed && one.body == body).count() > 1;
        let failed = told.fails > 0.0 && !again && rand::rng().random_bool(told.fails);
        told.received.push(Received { headers, body: body.to_vec(), failed });
        let otherwise = told.otherwise.clone().unwrap_or(Reply::status(if failed { 500 } else { 204 }));
        told.next.pop_front().unwrap_or(otherwise)
    };
    match reply {
        Reply::Hang => std::future::pending().await,
        Reply::Late(after) => {
            tokio::time::sleep(after).await;
            StatusCode::NO_CONTENT.into_response()
        }
        Reply::Repeat(after) => {
            tokio::time::sleep(after).await;
            challenge.map_or_else(|| StatusCode::NO_CONTENT.into_response(), IntoResponse::into_response)
        }
        Reply::Status(status, header, text) => {
            let header = header.map(|(name, value)| [(name, value)]);
            let status = StatusCode::from_u16(status).unwrap();
            header.map_or_else(|| (status, text).into_response(), |header| (status, header, text).into_response())
        }
    }
}

/// The answer that accepts a challenge, if the request is one.
fn challenge(request: &[u8]) -> Option<Json<Value>> {
    let request: Value = serde_json::from_slice(request).ok()?;
    (request["type"] == "challenge").then(|| Json(json!({ "challenge": request["challenge"] })))
}
