//! A TCP proxy between a client and the stack, which can cut what runs through it, and be as slow as a bad link.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

/// So often a slow link passes something on.
const TICK: Duration = Duration::from_millis(100);

/// The buffer of a slow link, in bytes: small, so that the sender notices.
const BUFFER: u32 = 32 * 1024;

pub(crate) struct Proxy {
    address: String,
    cut: broadcast::Sender<()>,
    blocks: watch::Sender<bool>,
    received: Arc<AtomicU64>,
}

impl Proxy {
    /// Listens on loopback and passes everything on to `target` (`ws://host:port`).
    pub(crate) async fn to(target: &str) -> Self {
        Self::with_rate(target, None).await
    }

    /// Like [`Self::to`], and brings its clients only so many bytes a second each.
    pub(crate) async fn slow(target: &str, bytes_a_second: u64) -> Self {
        Self::with_rate(target, Some(bytes_a_second)).await
    }

    async fn with_rate(target: &str, rate: Option<u64>) -> Self {
        let target = target.rsplit("//").next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}", listener.local_addr().unwrap());
        let (cut, _) = broadcast::channel(1);
        let cuts = cut.clone();
        let (blocks, blocked) = watch::channel(false);
        let received = Arc::new(AtomicU64::new(0));
        let link = Link { rate, received: Arc::clone(&received) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*blocked.borrow() {
                    tokio::spawn(pass(client, target.clone(), cuts.subscribe(), link.clone()));
                }
            }
        });
        Self { address, cut, blocks, received }
    }

    /// Where to connect to instead of the target.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The number of bytes that it has brought its clients.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Lets no connection through any more and drops those that are open; or lets them through again.
    pub(crate) fn block(&self, blocks: bool) {
        self.blocks.send_replace(blocks);
        if blocks {
            self.disconnect();
        }
    }

    /// Drops every connection that is open now.
    pub(crate) fn disconnect(&self) {
        // Nobody listens while nobody is connected.
        let _ = self.cut.send(());
    }
}

/// The connection from the proxy to a client.
#[derive(Clone)]
struct Link {
    /// Bytes a second at most.
    rate: Option<u64>,
    received: Arc<AtomicU64>,
}

impl Link {
    async fn bring(&self, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        let portion = self.rate.map_or(u64::from(BUFFER), |rate| rate / (1000 / TICK.as_millis() as u64));
        let mut buffer = vec![0; portion as usize];
        let mut free = Instant::now();
        loop {
            tokio::time::sleep_until(free).await;
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            to.write_all(&buffer[..count]).await?;
            self.received.fetch_add(count as u64, Ordering::Relaxed);
            if let Some(rate) = self.rate {
                free = free.max(Instant::now() - TICK) + Duration::from_secs_f64(count as f64 / rate as f64);
            }
        }
    }
}

async fn pass(client: TcpStream, target: String, mut cut: broadcast::Receiver<()>, link: Link) {
    let socket = TcpSocket::new_v4().unwrap();
    if link.rate.is_some() {
        socket.set_recv_buffer_size(BUFFER).unwrap();
    }
    let Ok(server) = socket.connect(target.parse().unwrap()).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = link.bring(&mut from_server, &mut to_client) => {}
        _ = cut.recv() => {}
    }
}
