//! HTTP/1.1 servers that know their TCP connections, and close idle ones.

use std::{
    collections::BTreeSet,
    future::Future,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    guard,
    message::{Answer, Request},
};
use crate::error::StartError;

/// A TCP connection of a client to one of the ports.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The client's address.
    pub(crate) address: SocketAddr,
    carried: Mutex<BTreeSet<&'static str>>,
}

impl Peer {
    /// Whether this is the first request for `service` on this connection.
    pub(crate) fn is_first(&self, service: &'static str) -> bool {
        self.carried.lock().unwrap_or_else(PoisonError::into_inner).insert(service)
    }
}

/// Closes idle keep-alive connections, as a server may at any time.
#[derive(Debug, Clone)]
pub(crate) struct IdleCloser(watch::Sender<()>);

impl IdleCloser {
    /// A closer that has closed nothing yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Closes every connection of its servers on which no request is being answered.
    pub(crate) fn close_idle(&self) {
        self.0.send_replace(());
    }
}

/// Listens on a loopback port; `flag` is the option that chooses another one.
pub(crate) async fn bind(port: u16, flag: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|source| StartError::Port { port, flag, source })
}

/// Serves every connection to `listener` with `handler`, for ever. Requests that do not name this machine are refused.
pub(crate) async fn serve<H, F>(listener: TcpListener, closer: IdleCloser, handler: H)
where
    H: Fn(Request, Arc<Peer>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let peer = Arc::new(Peer { address, carried: Mutex::default() });
                tokio::spawn(serve_connection(stream, peer, closer.0.subscribe(), handler.clone()));
            }
            Err(error) => {
                // Out of file descriptors, most likely: other connections will close.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection<H, F>(stream: TcpStream, peer: Arc<Peer>, mut closes: watch::Receiver<()>, handler: H)
where
    H: Fn(Request, Arc<Peer>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let busy = Arc::new(AtomicUsize::new(0));
    let service = service_fn(|request| {
        busy.fetch_add(1, Ordering::SeqCst);
        let answer = guard::names_this_machine(&request).then(|| handler(request, Arc::clone(&peer)));
        let busy = Arc::clone(&busy);
        async move {
            let answer = match answer {
                Some(answer) => answer.await,
                None => Ok(guard::wrong_host()),
            };
            busy.fetch_sub(1, Ordering::SeqCst);
            answer
        }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            // An error here is a client that left, or a hang-up that a fault asked for.
            _ = connection.as_mut() => return,
            Ok(()) = closes.changed() => {
                if busy.load(Ordering::SeqCst) == 0 {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
