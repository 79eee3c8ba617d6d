//! TLS in front of the local stack, which speaks none.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Who the functions are to believe.
pub(crate) struct Authority {
    acceptor: TlsAcceptor,
    /// Its certificate, beside those that functions have built in: as many as they read on AWS.
    pub(crate) certificates: PathBuf,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let pem = own.cert.pem() + include_str!("../../../shared/src/amazon.pem");
        let certificates = std::env::temp_dir().join(format!("tidings-bench-{}.pem", std::process::id()));
        std::fs::write(&certificates, pem).unwrap();
        let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![own.cert.der().clone()], key.into())
            .unwrap();
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates }
    }

    /// Serves what stands behind this address over TLS as well; gives the address for that.
    pub(crate) async fn stand_before(&self, address: &str) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let ours = listener.local_addr().unwrap().to_string();
        let (acceptor, address) = (self.acceptor.clone(), address.to_owned());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(acceptor.clone(), client, address.clone()));
            }
        });
        ours
    }
}

/// Passes bytes both ways. An end that comes early is no failure: the function was ended.
async fn pass(acceptor: TlsAcceptor, client: TcpStream, address: String) {
    let _ = client.set_nodelay(true);
    let Ok(mut client) = acceptor.accept(client).await else { return };
    let mut server = TcpStream::connect(address).await.unwrap();
    let _ = server.set_nodelay(true);
    let _ = copy_bidirectional(&mut client, &mut server).await;
}
