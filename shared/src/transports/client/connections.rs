//! Connections to receivers: each carries one request at a time, and stays open for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::Instant;
use tower_service::Service as _;

use super::answer_start::{AnswerStart, Listening};
use super::names::CheckedNames;
use super::reason::Reason;

/// The body of a request.
pub(super) type RequestBody = Full<Bytes>;

/// A machine that is there lets itself be connected to within this.
const CONNECT: Duration = Duration::from_secs(5);

/// Connections wait this long for another request: most servers close theirs later.
const IDLE: Duration = Duration::from_secs(30);

/// The most of them that wait, for one host.
const IDLE_PER_HOST: usize = 4;

/// The most bytes of an answer's head that are parsed. Of a longer one the status is heard.
const LONGEST_HEAD: usize = 64 * 1024;

/// The most headers that are parsed, likewise.
const MOST_HEADERS: usize = 1_000;

/// Opens connections, and keeps those that can be used again.
#[derive(Clone)]
pub(super) struct Connections {
    connector: HttpsConnector<HttpConnector<CheckedNames>>,
    idle: Arc<Mutex<Idle>>,
}

/// By scheme, host and port: the last used last.
type Idle = HashMap<String, Vec<(Instant, Connection)>>;

/// One connection. It ends with the value.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    pub(super) heard: AnswerStart,
    running: AbortHandle,
    is_new: bool,
}

/// The result of a request.
pub(super) enum RequestResult {
    /// The head of an answer, which keeps to HTTP's rules.
    Answered(Response<Incoming>),
    /// Nothing of it has gone out: the connection had died since it was last used.
    Not(Box<Request<RequestBody>>),
    /// No answer, or none that keeps to the rules.
    Failed(hyper::Error),
}

impl Connections {
    /// To hosts whose addresses `names` lets through, over TLS so configured.
    pub(super) fn new(names: CheckedNames, tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(names);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Self { connector, idle: Arc::default() }
    }

    /// One that is open, or a new one.
    ///
    /// # Errors
    /// Why it did not come about.
    pub(super) async fn to(&self, uri: &Uri) -> Result<Connection, Reason> {
        notice_closed_connections().await;
        match self.take(&place(uri)) {
            Some(connection) => Ok(connection),
            None => self.open(uri).await,
        }
    }

    /// Keeps a connection, whose answer was read to its end, for the next request.
    pub(super) fn keep(&self, uri: &Uri, mut connection: Connection) {
        connection.is_new = false;
        let (now, mut idle) = (Instant::now(), self.idle());
        idle.retain(|_, waiting| {
            waiting.retain(|(used, connection)| now - *used < IDLE && !connection.sender.is_closed());
            !waiting.is_empty()
        });
        let waiting = idle.entry(place(uri)).or_default();
        if waiting.len() < IDLE_PER_HOST {
            waiting.push((now, connection));
        }
    }

    fn take(&self, place: &str) -> Option<Connection> {
        let (now, mut idle) = (Instant::now(), self.idle());
        let waiting = idle.get_mut(place)?;
        while let Some((used, connection)) = waiting.pop() {
            if now - used < IDLE && connection.sender.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn open(&self, uri: &Uri) -> Result<Connection, Reason> {
        let stream = self.connector.clone().call(uri.clone()).await.map_err(|error| Reason::of_connecting(&*error))?;
        let heard = AnswerStart::default();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            .max_headers(MOST_HEADERS)
            .allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true)
            .handshake(Listening::new(stream, heard.clone()))
            .await
            .map_err(|error| Reason::of_sending(&error))?;
        // Its errors come back with the request that meets them.
        let running = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Connection { sender, heard, running, is_new: true })
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Sends a request, and waits for the head of its answer.
    pub(super) async fn send(&mut self, request: Request<RequestBody>) -> RequestResult {
        self.heard.forget();
        match self.sender.try_send_request(request).await {
            Ok(answer) => RequestResult::Answered(answer),
            Err(error) if self.is_new => RequestResult::Failed(error.into_error()),
            Err(error) => unsent(error),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// If some of a request had gone out, the receiver may have it, and the attempt has failed.
fn unsent(mut error: TrySendError<Request<RequestBody>>) -> RequestResult {
    match error.take_message() {
        Some(request) => RequestResult::Not(Box::new(request)),
        None => RequestResult::Failed(error.into_error()),
    }
}

/// After a freeze the runtime has not yet looked at its sockets, and would write the request to a connection that its
/// receiver has closed meanwhile. The first pause has it look; the second lets connections that have ended say so.
async fn notice_closed_connections() {
    yield_now().await;
    yield_now().await;
}

fn place(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}", uri.scheme_str().unwrap_or_default())
}
