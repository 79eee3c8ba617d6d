//! Whose certificate is believed.

use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use shared::tls::system_roots;
use shared::transports::client::{Reason, SafeClient};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{local, loopback, post};

/// A receiver with a certificate for `localhost`; its port and the certificate.
async fn receiver() -> (u16, CertificateDer<'static>) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not believe the certificate ends the handshake.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            stream.read_exact(&mut [0; 16]).await.unwrap();
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        }
    });
    (port, cert.der().clone())
}

#[tokio::test]
async fn a_certificate_counts_for_its_name_and_only_with_an_authority_behind_it() {
    let (port, certificate) = receiver().await;
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let client = SafeClient::new(loopback(), None, roots).unwrap();
    assert_eq!(post(&client, &format!("https://localhost:{port}/")).await.unwrap().status, 204);
    let other_name = post(&client, &format!("https://127.0.0.1:{port}/")).await;
    assert_eq!(other_name, Err(Reason::Tls));
    assert_eq!(post(&local(), &format!("https://localhost:{port}/")).await, Err(Reason::Tls));
}

#[test]
fn this_machine_believes_some_authorities() {
    assert!(!system_roots().unwrap().is_empty());
}
