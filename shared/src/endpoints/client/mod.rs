//! One POST to where a user told us to, and nowhere else.
//!
//! A name is resolved once for each connection, its addresses are checked, and the connection goes to one of them: nobody
//! can answer the check with one address and the connection with another. There is no other way out of here: redirects are
//! not followed, proxies not asked.

mod names;
mod reason;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::retry_after::retry_after;
use super::url::{PublicUrl, Rules};
use crate::clock;
use crate::error::Error;
use crate::tls;
use names::CheckedNames;
pub use reason::Reason;

/// A receiver has this long to take a request and answer it.
const LIMIT: Duration = Duration::from_secs(15);

/// A machine that is there lets itself be connected to within this; the rest of [`LIMIT`] is for its answer.
const CONNECT: Duration = Duration::from_secs(5);

/// Connections wait this long for another request: most servers close theirs later.
const IDLE: Duration = Duration::from_secs(30);

/// How many of them wait, for one host.
const IDLE_PER_HOST: usize = 4;

/// The most bytes of an answer's head; the least that hyper can be given.
const LONGEST_HEAD: usize = 8 * 1024;

/// The most bytes of an answer's body that are read, but for what comes along in the same read.
const READ: usize = 1000;

/// The most characters of it that are kept.
const KEPT: usize = 200;

/// Posts to URLs that users gave. Built once; its connections stay open from one invocation to the next.
#[derive(Clone, Debug)]
pub struct SafeClient {
    client: Client<HttpsConnector<HttpConnector<CheckedNames>>, Full<Bytes>>,
    rules: Rules,
}

/// What a receiver answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status. A redirect's is here as any other: it was not followed.
    pub status: u16,
    /// For how many seconds it wants to be left alone, at most a day.
    pub retry_after_seconds: Option<u64>,
    /// The first characters of the body, at most 200.
    pub first_bytes: String,
    /// From the call until its status had come.
    pub latency: Duration,
}

/// No answer came, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Why.
    pub reason: Reason,
}

impl SafeClient {
    /// A client that keeps to `rules`, asks `name_server` for names, or the system where there is none, and believes
    /// certificates that `roots` stand behind.
    ///
    /// # Errors
    /// The TLS library or the resolver cannot be set up.
    pub fn new(rules: Rules, name_server: Option<SocketAddr>, roots: RootCertStore) -> Result<Self, Error> {
        let names = CheckedNames::new(rules.clone(), name_server)?;
        let mut tcp = HttpConnector::new_with_resolver(names);
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(roots)?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        // A request that meets a connection which died is sent again over a new one if none of it had gone out, which is
        // hyper's default. If some of it had, the receiver may have it, and the attempt has failed.
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(LONGEST_HEAD)
            .build(https);
        Ok(Self { client, rules })
    }

    /// Posts `body`, as JSON unless `headers` say otherwise. Takes at most 15 s. The status counts once it has come, even
    /// if the body then breaks off or takes too long: the receiver has decided by then.
    ///
    /// # Errors
    /// No status came. The receiver may have the message all the same, unless the reason is that it was never connected to.
    pub async fn post(&self, url: &PublicUrl, headers: HeaderMap, body: Bytes) -> Result<Answer, Unreachable> {
        // The resolver is asked for names only.
        if url.address().is_some_and(|address| !self.rules.allow(address)) {
            return Err(Unreachable { reason: Reason::ForbiddenAddress });
        }
        notice_closed_connections().await;
        let start = Instant::now();
        let answer = timeout_at(start + LIMIT, self.client.request(request(url, headers, body))).await;
        let answer = answer.map_err(|_| Unreachable { reason: Reason::Timeout })?;
        let answer = answer.map_err(|error| Unreachable { reason: Reason::of(&error) })?;
        let latency = start.elapsed();
        let retry_after_seconds = asked_to_wait(&answer);
        let status = answer.status().as_u16();
        let first_bytes = beginning(answer.into_body(), start + LIMIT).await;
        Ok(Answer { status, retry_after_seconds, first_bytes, latency })
    }
}

/// After a freeze the runtime has not yet looked at its sockets, and would write the request to a connection that its
/// receiver has closed meanwhile. The first pause has it look; the second lets connections that have ended leave the pool.
async fn notice_closed_connections() {
    yield_now().await;
    yield_now().await;
}

fn request(url: &PublicUrl, headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::post(url.uri()).body(Full::new(body)).unwrap_or_default();
    let ours = request.headers_mut();
    ours.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ours.insert(USER_AGENT, HeaderValue::from_static(concat!("Tidings/", env!("CARGO_PKG_VERSION"))));
    ours.extend(headers);
    request
}

fn asked_to_wait(answer: &Response<Incoming>) -> Option<u64> {
    retry_after(answer.headers().get(RETRY_AFTER)?.to_str().ok()?, clock::now())
}

/// The body's first characters. A longer body is dropped unread, and its connection with it.
async fn beginning(mut body: Incoming, until: Instant) -> String {
    let mut read = Vec::new();
    while read.len() < READ
        && let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await
    {
        read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..data.len().min(READ - read.len())]));
    }
    String::from_utf8_lossy(&read).chars().take(KEPT).collect()
}
