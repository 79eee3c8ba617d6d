//! [`SafeClient`](shared::transports::client::SafeClient) over real sockets, with a name server of the test's own.
#![allow(clippy::unwrap_used, reason = "panicking is how a test fails")]

mod answers;
mod connections;
mod hostile;
mod names;
mod server;
mod table;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use rustls::RootCertStore;
use shared::kinds::url::{PublicUrl, UrlRules};
use shared::transports::client::{Answer, Reason, SafeClient};

const BODY: &[u8] = br#"{"seq":1}"#;

/// An answer, with the beginning of its body.
#[derive(Debug, PartialEq, Eq)]
struct Answered {
    status: u16,
    retry_after_seconds: Option<u64>,
    latency: Duration,
    first_characters: String,
}

/// For trying things out: every port of this machine is allowed.
fn loopback() -> UrlRules {
    UrlRules { loopback_ports: (1..=u16::MAX).collect(), ..UrlRules::default() }
}

/// A client that believes no certificate.
fn client(rules: &UrlRules, name_server: Option<SocketAddr>) -> SafeClient {
    SafeClient::new(rules.clone(), name_server, RootCertStore::empty()).unwrap()
}

/// A client for what listens on this machine.
fn local() -> SafeClient {
    client(&loopback(), None)
}

async fn post(client: &SafeClient, url: &str) -> Result<Answered, Reason> {
    let url = PublicUrl::parse(url, &loopback()).unwrap();
    post_to(client, &url).await
}

async fn post_to(client: &SafeClient, url: &PublicUrl) -> Result<Answered, Reason> {
    let answer = client.post(url, HeaderMap::new(), Bytes::from_static(BODY)).await;
    let answer = answer.map_err(|unreachable| unreachable.reason)?;
    let Answer { status, retry_after_seconds, latency, .. } = answer;
    Ok(Answered { status, retry_after_seconds, latency, first_characters: answer.first_characters().await })
}
