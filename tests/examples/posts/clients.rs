//! The clients beside which Tidings is measured: the AWS SDK for Rust, and a client that signs nothing. Each posts to
//! as many connections as a line of its standard input says.

use std::sync::Arc;

use aws_config::BehaviorVersion;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::rows;

/// The number of posts that are under way at once.
const AT_ONCE: usize = 64;

/// As large as the frame of the bench's notification.
const SIZE: usize = 1_024;

pub(crate) async fn run(sdk: bool, url: &str) {
    let runtime_is_ours = tokio::task::spawn_blocking({
        let url = url.to_owned();
        // A function's runtime has one thread.
        move || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(serve(sdk, &url))
    });
    runtime_is_ours.await.unwrap();
}

async fn serve(sdk: bool, url: &str) {
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let poster = if sdk { Poster::sdk(url).await } else { Poster::floor(url) };
    println!("ready");
    while let Some(order) = orders.next_line().await.unwrap() {
        let ids: Vec<String> =
            rows::keys(order.parse().unwrap()).into_iter().map(|key| key[4..].replace('=', "%3D")).collect();
        let all = stream::iter(&ids).map(|id| poster.post(id)).buffer_unordered(AT_ONCE).all(async |done| done).await;
        println!("{}", if all { "done" } else { "failed" });
    }
}

enum Poster {
    Floor { client: Box<Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>>, url: String, body: Bytes },
    Sdk { client: Box<aws_sdk_apigatewaymanagement::Client>, body: Bytes },
}

impl Poster {
    fn floor(url: &str) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(tcp);
        let client = Box::new(Client::builder(TokioExecutor::new()).build(https));
        Self::Floor { client, url: url.to_owned(), body: Bytes::from(vec![b'x'; SIZE]) }
    }

    async fn sdk(url: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(url)
            .http_client(
                aws_smithy_http_client::Builder::new()
                    .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                        aws_smithy_http_client::tls::rustls_provider::CryptoMode::AwsLc,
                    ))
                    .build_https(),
            )
            .load()
            .await;
        let client = Box::new(aws_sdk_apigatewaymanagement::Client::new(&config));
        Self::Sdk { client, body: Bytes::from(vec![b'x'; SIZE]) }
    }

    /// Whether it was taken.
    async fn post(&self, id: &str) -> bool {
        match self {
            Self::Floor { client, url, body } => {
                let request =
                    Request::post(format!("{url}/%40connections/{id}")).body(Full::new(body.clone())).unwrap();
                let Ok(answer) = client.request(request).await else { return false };
                let taken = answer.status().is_success();
                answer.into_body().collect().await.is_ok() && taken
            }
            Self::Sdk { client, body } => {
                let id = id.replace("%3D", "=");
                client.post_to_connection().connection_id(id).data(Blob::new(body.clone())).send().await.is_ok()
            }
        }
    }
}
