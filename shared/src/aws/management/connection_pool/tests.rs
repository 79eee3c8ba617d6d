//! Against a server that speaks one protocol and counts who comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use super::*;

/// Requests to this path get no answer.
const UNANSWERED: &str = "/unanswered";

struct Server {
    pool: ConnectionPool,
    accepted: Arc<AtomicUsize>,
    /// Ends all connections whenever it changes.
    end: watch::Sender<()>,
    /// A request that is not answered has come.
    unanswered: Arc<Notify>,
}

impl Server {
    /// One that offers this protocol alone.
    async fn start(protocol: &str) -> Self {
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = format!("localhost:{}", listener.local_addr().unwrap().port());
        let (accepted, (end, ended)) = (Arc::new(AtomicUsize::new(0)), watch::channel(()));
        let unanswered = Arc::new(Notify::new());
        tokio::spawn(accept(listener, acceptor, Arc::clone(&accepted), ended, Arc::clone(&unanswered)));
        let pool = ConnectionPool::new(Scheme::HTTPS, authority.parse().unwrap(), roots).unwrap();
        Self { pool, accepted, end, unanswered }
    }

    async fn send(&self) -> Option<PostAnswer> {
        self.send_to("/path").await
    }

    async fn send_to(&self, path: &'static str) -> Option<PostAnswer> {
        let mut request = Request::new(PostBody::from("x"));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = Uri::from_static(path);
        request.headers_mut().insert(HOST, http::HeaderValue::from_static("localhost"));
        self.pool.send(request).await
    }

    /// So many at once, of which each is answered.
    async fn send_all(&self, count: usize) {
        for answered in join_all((0..count).map(|_| self.send())).await {
            assert_eq!(answered, Some((StatusCode::OK, String::new())));
        }
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    accepted: Arc<AtomicUsize>,
    ended: watch::Receiver<()>,
    unanswered: Arc<Notify>,
) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        accepted.fetch_add(1, Ordering::Relaxed);
        let (acceptor, mut ended, unanswered) = (acceptor.clone(), ended.clone(), Arc::clone(&unanswered));
        ended.mark_unchanged();
        tokio::spawn(async move {
            tokio::select! {
                () = serve(acceptor, stream, unanswered) => {}
                _ = ended.changed() => {}
            }
        });
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, unanswered: Arc<Notify>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(|request: Request<Incoming>| {
        let unanswered = Arc::clone(&unanswered);
        async move {
            if request.uri().path() == UNANSWERED {
                unanswered.notify_one();
                return std::future::pending().await;
            }
            // Long enough for all others to have come.
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, hyper::Error>(Response::new(PostBody::default()))
        }
    });
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

#[tokio::test]
async fn over_http_2_one_connection_carries_all() {
    let server = Server::start("h2").await;
    server.send_all(50).await;
    server.send_all(50).await;
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn one_that_has_carried_nothing_since_is_abandoned() {
    let server = Server::start("h2").await;
    let before = Instant::now();
    server.send_all(1).await;
    server.pool.abandon(before);
    server.send_all(1).await;
    assert_eq!(server.accepted(), 1);
    server.pool.abandon(Instant::now());
    server.send_all(1).await;
    assert_eq!(server.accepted(), 2);
}

#[tokio::test]
async fn over_http_1_there_are_as_many_as_are_used_at_once() {
    let server = Server::start("http/1.1").await;
    server.send_all(1).await;
    for _ in 0..5 {
        server.send_all(20).await;
    }
    assert_eq!(server.accepted(), 20);
}

#[tokio::test]
async fn what_has_died_meanwhile_is_replaced_unnoticed() {
    for protocol in ["h2", "http/1.1"] {
        let server = Server::start(protocol).await;
        server.send_all(10).await;
        let before = server.accepted();
        server.end.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        server.send_all(10).await;
        assert!(server.accepted() > before, "{protocol}");
    }
}

#[tokio::test]
async fn one_that_breaks_off_is_no_answer() {
    for protocol in ["h2", "http/1.1"] {
        let server = Server::start(protocol).await;
        server.send_all(1).await;
        let ending = async {
            server.unanswered.notified().await;
            server.end.send(()).unwrap();
        };
        assert_eq!(tokio::join!(server.send_to(UNANSWERED), ending).0, None, "{protocol}");
        server.send_all(10).await;
    }
}

#[tokio::test]
async fn whom_nobody_vouches_for_is_not_spoken_to() {
    let mut server = Server::start("h2").await;
    let authority = server.pool.authority.clone();
    server.pool = ConnectionPool::new(Scheme::HTTPS, authority, tls::aws_roots().unwrap()).unwrap();
    assert_eq!(server.send().await, None);
}
