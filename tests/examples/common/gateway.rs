//! A stand-in for the management API of API Gateway: it takes every post, for no one machine holds 100,000 sockets, and
//! remembers who was posted to, by which process and when.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::any;
use tokio::net::TcpListener;

/// What it has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How often each connection was posted to.
    pub(crate) connections: HashMap<String, u64>,
    /// How many posts came from each process, by its access key.
    pub(crate) processes: BTreeMap<String, u64>,
    /// The longest frame, in bytes.
    pub(crate) longest: usize,
    pub(crate) last: Option<Instant>,
    /// What was no post, such as a connection that was cut.
    pub(crate) others: u64,
}

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Gateway {
    pub(crate) async fn start() -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let router = Router::new().route("/{stage}/{word}/{connection}", any(take)).with_state(Arc::clone(&seen));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen }
    }

    /// What it has seen since it was asked last.
    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

async fn take(
    State(seen): State<Arc<Mutex<Seen>>>,
    method: Method,
    Path((_stage, word, connection)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut seen = seen.lock().unwrap();
    if method != Method::POST || word != "@connections" {
        seen.others += 1;
        return if method == Method::DELETE { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
    }
    seen.last = Some(Instant::now());
    seen.longest = seen.longest.max(body.len());
    *seen.connections.entry(connection).or_default() += 1;
    *seen.processes.entry(access_key(&headers)).or_default() += 1;
    StatusCode::OK
}

/// Of a signature of version 4, `Credential=<access key>/<date>/…`.
fn access_key(headers: &HeaderMap) -> String {
    let signature = headers["authorization"].to_str().unwrap();
    let credential = signature.split_once("Credential=").unwrap().1;
    credential.split_once('/').unwrap().0.to_owned()
}
