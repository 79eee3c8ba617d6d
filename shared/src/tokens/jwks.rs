//! A JSON Web Key Set (RFC 7517) behind an address.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use super::keys::JwkSet;
use crate::error::Error;

const PATIENCE: Duration = Duration::from_secs(3);

/// An identity provider's keys. Built only where an address is configured, since it reads root certificates of its own.
#[derive(Debug)]
pub(super) struct KeySet {
    connector: Connector,
    url: String,
}

impl KeySet {
    pub(super) fn new(url: String) -> Self {
        Self { connector: Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc)).build(), url }
    }

    pub(super) async fn fetch(&self) -> Result<JwkSet, Error> {
        match tokio::time::timeout(PATIENCE, self.get()).await {
            Ok(set) => set,
            Err(_) => Err(failed("no answer in time")),
        }
    }

    async fn get(&self) -> Result<JwkSet, Error> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(self.url.as_str()).map_err(failed)?;
        let answer = self.connector.call(request).await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(failed(format!("status {}", answer.status())));
        }
        let body = ByteStream::new(answer.into_body()).collect().await.map_err(failed)?;
        serde_json::from_slice(&body.into_bytes()).map_err(failed)
    }
}

fn failed(cause: impl ToString) -> Error {
    Error::Failed { call: "fetch TOKEN_JWKS_URL", cause: cause.to_string() }
}
