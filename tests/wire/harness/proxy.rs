//! A TCP proxy between a client and the stack, which can cut what runs through it.

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};

pub(crate) struct Proxy {
    address: String,
    cut: broadcast::Sender<()>,
    blocks: watch::Sender<bool>,
}

impl Proxy {
    /// Listens on loopback and passes everything on to `target` (`ws://host:port`).
    pub(crate) async fn to(target: &str) -> Self {
        let target = target.rsplit("//").next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}", listener.local_addr().unwrap());
        let (cut, _) = broadcast::channel(1);
        let cuts = cut.clone();
        let (blocks, blocked) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !*blocked.borrow() {
                    tokio::spawn(pass(client, target.clone(), cuts.subscribe()));
                }
            }
        });
        Self { address, cut, blocks }
    }

    /// Where to connect to instead of the target.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Lets no connection through any more and drops those that are open; or lets them through again.
    pub(crate) fn block(&self, blocks: bool) {
        self.blocks.send_replace(blocks);
        if blocks {
            self.cut();
        }
    }

    /// Drops every connection that is open now.
    pub(crate) fn cut(&self) {
        // Nobody listens while nobody is connected.
        let _ = self.cut.send(());
    }
}

async fn pass(mut client: TcpStream, target: String, mut cut: broadcast::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut.recv() => {}
    }
}
