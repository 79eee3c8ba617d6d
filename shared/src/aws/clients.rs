//! The SDK's clients, built once when a function starts and used by all its invocations.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::SdkConfig;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::timeout::TimeoutConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::error::Error;
use crate::tls;

/// DynamoDB and API Gateway answer in milliseconds. What has taken this long sits on a connection that died while the
/// function was frozen, and is better asked again on a new one.
const ATTEMPT: Duration = Duration::from_secs(3);

/// All tries of one call, so that a function can still answer when a service does not.
const OPERATION: Duration = Duration::from_secs(10);

/// The clients, each built when the first asks for it, for all who do.
#[derive(Debug)]
pub struct Clients {
    config: SdkConfig,
    dynamodb: OnceLock<aws_sdk_dynamodb::Client>,
    sqs: OnceLock<aws_sdk_sqs::Client>,
}

impl Clients {
    /// The common configuration, for clients that only one function needs.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }

    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.get_or_init(|| aws_sdk_dynamodb::Client::new(&self.config)).clone()
    }

    pub(super) fn sqs(&self) -> aws_sdk_sqs::Client {
        self.sqs.get_or_init(|| aws_sdk_sqs::Client::new(&self.config)).clone()
    }
}

impl From<SdkConfig> for Clients {
    fn from(config: SdkConfig) -> Self {
        Self { config, dynamodb: OnceLock::new(), sqs: OnceLock::new() }
    }
}

/// The common configuration of all clients: region, credentials, time limits, and one HTTP client, so that the root
/// certificates are read once and connections are shared.
///
/// Region and credentials come from the environment and nowhere else: Lambda sets them, and asking the other places
/// costs start-up time.
///
/// # Errors
/// TLS cannot be set up.
pub async fn load() -> Result<Clients, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .timeout_config(timeouts)
        .http_client(http_client()?);
    Ok(config.load().await.into())
}

pub(super) fn http_client() -> Result<SharedHttpClient, Error> {
    let trusted = match tls::amazon() {
        Some(certificates) => TrustStore::empty().with_pem_certificate(certificates),
        None => TrustStore::default(),
    };
    let tls = TlsContext::builder().with_trust_store(trusted).build();
    let tls = tls.map_err(|error| Error::Failed { call: "set up TLS", cause: error.to_string() })?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    Ok(builder.tls_context(tls).build_https())
}
