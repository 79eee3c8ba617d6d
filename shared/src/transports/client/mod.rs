//! One POST to where a user told us to, and nowhere else.
//!
//! A name is resolved once for each connection, its addresses are checked, and the connection goes to one of them: nobody
//! can answer the check with one address and the connection with another. There is no other way out of here: redirects are
//! not followed, proxies not asked.

mod answer;
mod answer_start;
mod connections;
mod lazy;
mod names;
mod reason;
mod retry_after;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Request, Uri};
use kinds::url::{PublicUrl, UrlRules};
use rustls::RootCertStore;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::error::Error;
use crate::tls;
pub use answer::Answer;
use answer_start::AnswerStart;
use connections::{Connection, Connections, RequestBody, RequestResult};
pub use lazy::LazyClient;
use names::CheckedNames;
pub use reason::Reason;

/// A receiver has this long to take a request and answer it.
const LIMIT: Duration = Duration::from_secs(15);

/// The wait for the rest of the head and for the body, behind the status.
const REST: Duration = Duration::from_secs(1);

/// Posts to URLs that users gave. Built once; its connections stay open from one invocation to the next.
#[derive(Clone)]
pub struct SafeClient {
    connections: Connections,
    /// For URLs on the ports of this machine that may be posted to, if there are such ports.
    loopback: Option<Connections>,
    rules: UrlRules,
}

/// No answer came, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreachable {
    /// Why.
    pub reason: Reason,
}

impl From<Reason> for Unreachable {
    fn from(reason: Reason) -> Self {
        Self { reason }
    }
}

/// The part of an answer that is there when no more of its head is waited for.
enum Head {
    /// The whole head, or the error that the request ended with.
    Whole(RequestResult),
    /// Its status came a second ago, and the rest has not.
    Late,
    /// The time is over.
    Missing,
}

impl SafeClient {
    /// A client that keeps to `rules`, asks `name_server` for names, or the system where there is none, and believes
    /// certificates that `roots` stand behind.
    ///
    /// # Errors
    /// The TLS library or the resolver cannot be set up.
    pub fn new(rules: UrlRules, name_server: Option<SocketAddr>, roots: RootCertStore) -> Result<Self, Error> {
        let (names, tls) = (CheckedNames::new(name_server)?, tls::config(roots)?);
        let loopback =
            (!rules.loopback_ports.is_empty()).then(|| Connections::new(names.clone().with_loopback(), tls.clone()));
        Ok(Self { connections: Connections::new(names, tls), loopback, rules })
    }

    /// Those whose names may be this machine's where the URL's port is one of its ports that may be posted to, else all others.
    fn connections(&self, url: &PublicUrl) -> &Connections {
        let may_be_here = self.rules.loopback_ports.contains(&url.port());
        self.loopback.as_ref().filter(|_| may_be_here).unwrap_or(&self.connections)
    }

    /// Posts `body`, as JSON unless `headers` say otherwise, and waits for the status, at most 15 s. The status counts once it
    /// has come, whatever follows it: the receiver has decided by then.
    ///
    /// # Errors
    /// No status came. The receiver may have the message all the same, unless the reason is that it was never connected to.
    pub async fn post(&self, url: &PublicUrl, headers: HeaderMap, body: Bytes) -> Result<Answer, Unreachable> {
        // The resolver is asked for names only.
        if url.address().is_some_and(|address| !self.rules.allow(address, url.port())) {
            return Err(Reason::ForbiddenAddress.into());
        }
        let connections = self.connections(url);
        let start = Instant::now();
        let until = start + LIMIT;
        let mut request = request(url, headers, body);
        loop {
            let connecting = timeout_at(until, connections.to(url.uri())).await;
            let mut connection = connecting.map_err(|_| Reason::Timeout)??;
            let head = head(&mut connection, request, until).await;
            let heard = &connection.heard;
            return match head {
                Head::Whole(RequestResult::Answered(answer)) => {
                    let came = heard.status().map_or_else(Instant::now, |status| status.at);
                    Ok(Answer::whole(answer, start, came, connection, connections, url.uri()))
                }
                Head::Whole(RequestResult::Not(unsent)) => {
                    request = *unsent;
                    continue;
                }
                Head::Whole(RequestResult::Failed(error)) => {
                    heard_only(heard, start).ok_or_else(|| Reason::of_sending(&error).into())
                }
                Head::Late | Head::Missing => heard_only(heard, start).ok_or_else(|| Reason::Timeout.into()),
            };
        }
    }
}

/// Sends a request, and waits for the head of the answer: until then, and for a second from when its status has come.
async fn head(connection: &mut Connection, request: Request<RequestBody>, until: Instant) -> Head {
    let heard = connection.heard.clone();
    let late = async {
        heard.status_came().await;
        sleep(REST).await;
    };
    tokio::select! {
        // The request first: what was heard before is forgotten with it.
        biased;
        sent = connection.send(request) => Head::Whole(sent),
        () = late => Head::Late,
        () = sleep_until(until) => Head::Missing,
    }
}

/// The answer of which nothing but the status can be made out.
fn heard_only(heard: &AnswerStart, start: Instant) -> Option<Answer> {
    let status = heard.status()?;
    Some(Answer::heard(status.code, heard.header("Retry-After").as_deref(), status.at - start))
}

fn request(url: &PublicUrl, headers: HeaderMap, body: Bytes) -> Request<RequestBody> {
    let path = url.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut request = Request::post(Uri::from(path)).body(RequestBody::new(body)).unwrap_or_default();
    let ours = request.headers_mut();
    if let Some(host) = url.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok()) {
        ours.insert(HOST, host);
    }
    ours.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    ours.insert(USER_AGENT, HeaderValue::from_static(concat!("Tidings/", env!("CARGO_PKG_VERSION"))));
    ours.extend(headers);
    request
}

impl std::fmt::Debug for SafeClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SafeClient").field("rules", &self.rules).finish_non_exhaustive()
    }
}
