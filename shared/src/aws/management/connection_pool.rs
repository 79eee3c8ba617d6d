//! Connections to the management API that stay open from one post to the next, and from one invocation to the next.
//!
//! Over HTTP/1.1 each carries one post at a time, and there are never more of them than posts were under way at once; over HTTP/2,
//! if the endpoint offers it, a single one carries all.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{Connection as _, HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::RootCertStore;
use tokio::time::Instant;
use tower_service::Service as _;

use crate::error::Error;
use crate::tls;

/// The body of a post.
pub(super) type PostBody = Full<Bytes>;

/// A connection that nobody used for longer is not used any more: what is at its other end closes it some time.
const IDLE: Duration = Duration::from_secs(60);

/// Long enough for the first packet to be sent twice, which is after a second.
const CONNECT: Duration = Duration::from_secs(2);

/// All connections.
pub(super) struct ConnectionPool {
    connector: HttpsConnector<HttpConnector>,
    scheme: Scheme,
    authority: Authority,
    open: Mutex<OpenConnections>,
    opening: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct OpenConnections {
    /// The protocol of the endpoint, once it is known.
    protocol: Option<Protocol>,
    /// Those that carry nothing, the last used last.
    idle: Vec<(Instant, http1::SendRequest<PostBody>)>,
    /// The one that carries all, and when it last did.
    shared: Option<(Instant, http2::SendRequest<PostBody>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

enum PooledConnection {
    Own(http1::SendRequest<PostBody>),
    Shared(http2::SendRequest<PostBody>),
}

/// Of an answer, the status and, if it is no success, the error's name.
pub(super) type PostAnswer = (StatusCode, String);

/// The result of a request on a lane.
enum ConnectionResult {
    /// It may have got there; this is what came back, if anything did.
    Off(Option<PostAnswer>),
    /// Nothing of it has gone out: the lane was dead.
    Not(Box<Request<PostBody>>),
}

impl ConnectionPool {
    /// To this host, believed if `roots` stand behind it. Nothing is connected to yet.
    ///
    /// # Errors
    /// The TLS library cannot be set up.
    pub(super) fn new(scheme: Scheme, authority: Authority, roots: RootCertStore) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::config(roots)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        Ok(Self { connector, scheme, authority, open: Mutex::default(), opening: tokio::sync::Mutex::default() })
    }

    /// Sends a request to a path, and gives what is answered, if anything is.
    pub(super) async fn send(&self, mut request: Request<PostBody>) -> Option<PostAnswer> {
        loop {
            let (connection, is_new) = self.connection().await?;
            let sent = match connection {
                PooledConnection::Own(sender) => self.send_alone(sender, request).await,
                PooledConnection::Shared(sender) => self.send_along(sender, request).await,
            };
            match sent {
                ConnectionResult::Off(answered) => return answered,
                // It had died meanwhile, as others may have.
                ConnectionResult::Not(unsent) if !is_new => request = *unsent,
                ConnectionResult::Not(_) => return None,
            }
        }
    }

    /// Forgets the one that carries all, unless it has carried something since.
    pub(super) fn abandon(&self, since: Instant) {
        self.open().shared.take_if(|(carried, _)| *carried < since);
    }

    async fn send_alone(
        &self,
        mut sender: http1::SendRequest<PostBody>,
        request: Request<PostBody>,
    ) -> ConnectionResult {
        if sender.ready().await.is_err() {
            return ConnectionResult::Not(Box::new(request));
        }
        let answer = match sender.try_send_request(request).await {
            Ok(answer) => answer,
            Err(error) => return unsent(error),
        };
        let (answered, is_whole) = read(answer).await;
        if is_whole {
            self.open().idle.push((Instant::now(), sender));
        }
        ConnectionResult::Off(answered)
    }

    async fn send_along(
        &self,
        mut sender: http2::SendRequest<PostBody>,
        mut request: Request<PostBody>,
    ) -> ConnectionResult {
        let began = Instant::now();
        if sender.ready().await.is_err() {
            self.abandon(began);
            return ConnectionResult::Not(Box::new(request));
        }
        let path = request.uri().clone();
        *request.uri_mut() = self.absolute(path.path_and_query().cloned());
        // It is in the address.
        let host = request.headers_mut().remove(HOST);
        match sender.try_send_request(request).await {
            Ok(answer) => {
                if let Some((carried, _)) = &mut self.open().shared {
                    *carried = Instant::now();
                }
                ConnectionResult::Off(read(answer).await.0)
            }
            Err(error) => {
                self.abandon(began);
                let mut sent = unsent(error);
                // As it was: the next one may be another.
                if let ConnectionResult::Not(request) = &mut sent {
                    *request.uri_mut() = path;
                    request.headers_mut().extend(host.map(|host| (HOST, host)));
                }
                sent
            }
        }
    }

    fn absolute(&self, path: Option<PathAndQuery>) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
        Uri::from_parts(parts).unwrap_or_default()
    }

    /// One that is open, or a new one, and whether it is new.
    async fn connection(&self) -> Option<(PooledConnection, bool)> {
        if let Some(connection) = self.idle() {
            return Some((connection, false));
        }
        if self.open().protocol == Some(Protocol::Http1) {
            return match Box::pin(self.connect()).await {
                Some(connection) => Some((connection, true)),
                // Where no more are let in, there may be one that has become free.
                None => self.idle().map(|connection| (connection, false)),
            };
        }
        // It may be the one that carries all: posts that arrive meanwhile wait for it.
        let _opening = self.opening.lock().await;
        match self.idle() {
            Some(connection) => Some((connection, false)),
            None => Some((Box::pin(self.connect()).await?, true)),
        }
    }

    fn idle(&self) -> Option<PooledConnection> {
        let mut open = self.open();
        let now = Instant::now();
        if let Some((carried, shared)) = &open.shared
            && !shared.is_closed()
            && now - *carried < IDLE
        {
            return Some(PooledConnection::Shared(shared.clone()));
        }
        while let Some((used, own)) = open.idle.pop() {
            if now - used >= IDLE {
                // So are all those under it.
                open.idle.clear();
            } else if !own.is_closed() {
                return Some(PooledConnection::Own(own));
            }
        }
        None
    }

    async fn connect(&self) -> Option<PooledConnection> {
        let stream = self.connector.clone().call(self.absolute(None)).await.ok()?;
        if stream.connected().is_negotiated_h2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.ok()?;
            tokio::spawn(connection);
            let mut open = self.open();
            (open.protocol, open.shared) = (Some(Protocol::Http2), Some((Instant::now(), sender.clone())));
            Some(PooledConnection::Shared(sender))
        } else {
            let (sender, connection) = http1::handshake(stream).await.ok()?;
            tokio::spawn(connection);
            self.open().protocol = Some(Protocol::Http1);
            Some(PooledConnection::Own(sender))
        }
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unsent(mut error: TrySendError<Request<PostBody>>) -> ConnectionResult {
    error.take_message().map_or(ConnectionResult::Off(None), |request| ConnectionResult::Not(Box::new(request)))
}

/// Reads an answer to its end, so that its connection is free for the next; says whether it came to it.
async fn read(answer: Response<Incoming>) -> (Option<PostAnswer>, bool) {
    let status = answer.status();
    let name = answer.headers().get("x-amzn-errortype").filter(|_| !status.is_success());
    let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
    let is_whole = answer.into_body().collect().await.is_ok();
    // A success counts once its status has come.
    ((is_whole || status.is_success()).then_some((status, name)), is_whole)
}

#[cfg(test)]
mod tests;
