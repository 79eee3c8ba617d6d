//! A JSON Web Key Set (RFC 7517) behind an address.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;

use url::Url;

use super::keys::JwkSet;
use crate::error::Error;

const PATIENCE: Duration = Duration::from_secs(3);

/// The most bytes of a set; what comes behind them is not read. A key of RSA has half a kilobyte, and a provider publishes a few.
const LONGEST: usize = 256 * 1024;

/// An identity provider's keys. Built only where an address is configured, since it reads root certificates of its own.
#[derive(Debug)]
pub(super) struct KeySet {
    connector: Connector,
    url: Url,
}

impl KeySet {
    pub(super) fn new(url: Url) -> Self {
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
        let set = bounded(ByteStream::new(answer.into_body())).await?;
        serde_json::from_slice(&set).map_err(|_| failed("it is no JSON Web Key Set"))
    }
}

async fn bounded(mut body: ByteStream) -> Result<Vec<u8>, Error> {
    let mut read = Vec::new();
    while let Some(part) = body.try_next().await.map_err(failed)? {
        if read.len() + part.len() > LONGEST {
            return Err(failed(format!("the answer is larger than {LONGEST} bytes")));
        }
        read.extend_from_slice(&part);
    }
    Ok(read)
}

fn failed(cause: impl ToString) -> Error {
    Error::Failed { call: "fetch TOKEN_JWKS_URL", cause: cause.to_string() }
}
