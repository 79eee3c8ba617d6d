//! A stand-in for the management API of API Gateway: it takes every post, or says that the connection is gone, for
//! no one machine holds 100,000 sockets, and remembers who was posted to, by which process and when.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{self, Path};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::any;
use tokio::net::TcpListener;

/// The posts that it has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The number of posts to each connection.
    pub connections: HashMap<String, u64>,
    /// The number of posts from each process, by its access key.
    pub processes: BTreeMap<String, u64>,
    /// The longest frame, in bytes.
    pub longest: usize,
    /// The time of the last post.
    pub last: Option<Instant>,
    /// Requests that are no posts, such as the closing of a connection.
    pub others: u64,
}

#[derive(Debug, Default)]
struct State {
    seen: Mutex<Seen>,
    /// The percentage of connections that are gone.
    gone: AtomicU64,
}

/// A stand-in for API Gateway's management API: it takes posts and counts them.
pub struct Gateway {
    /// Where it listens.
    pub address: SocketAddr,
    state: Arc<State>,
}

impl Gateway {
    /// Listens on loopback.
    pub async fn start() -> Self {
        let state = Arc::<State>::default();
        let router = Router::new().route("/{stage}/{word}/{connection}", any(take)).with_state(Arc::clone(&state));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state }
    }

    /// The posts that it has seen since the last call.
    pub fn seen(&self) -> Seen {
        std::mem::take(&mut self.state.seen.lock().unwrap())
    }

    /// From now on, so many of a hundred connections are gone, always the same ones.
    pub fn lose(&self, percent: u64) {
        self.state.gone.store(percent, Ordering::Relaxed);
    }
}

impl State {
    fn is_gone(&self, connection: &str) -> bool {
        let mut hash = DefaultHasher::new();
        connection.hash(&mut hash);
        hash.finish() % 100 < self.gone.load(Ordering::Relaxed)
    }
}

async fn take(
    extract::State(state): extract::State<Arc<State>>,
    method: Method,
    Path((_stage, word, connection)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut seen = state.seen.lock().unwrap();
    if method != Method::POST || word != "@connections" {
        seen.others += 1;
        return if method == Method::DELETE { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
    }
    seen.last = Some(Instant::now());
    seen.longest = seen.longest.max(body.len());
    *seen.processes.entry(access_key(&headers)).or_default() += 1;
    let is_gone = state.is_gone(&connection);
    *seen.connections.entry(connection).or_default() += 1;
    if is_gone { StatusCode::GONE } else { StatusCode::OK }
}

/// Of a signature of version 4, `Credential=<access key>/<date>/…`.
fn access_key(headers: &HeaderMap) -> String {
    let signature = headers["authorization"].to_str().unwrap();
    let credential = signature.split_once("Credential=").unwrap().1;
    credential.split_once('/').unwrap().0.to_owned()
}
