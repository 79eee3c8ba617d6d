//! The AWS SDK, as an operator uses it.

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_sns::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use super::Stack;

/// The SDK's configuration from the environment.
pub(super) fn sdk() -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    aws_config::defaults(BehaviorVersion::latest()).http_client(http.build_https())
}

impl Stack {
    /// The SDK's configuration for its operator, who reaches the services behind it.
    pub(super) async fn sdk(&self) -> SdkConfig {
        let config = sdk().endpoint_url(&self.aws).region(Region::from_static("us-east-1"));
        config.credentials_provider(Credentials::new("operator", "secret", None, None, "test")).load().await
    }

    /// The topic *Inbound*, and who publishes to it.
    pub(crate) async fn inbound(&self) -> (Client, String) {
        let client = Client::new(&self.sdk().await);
        let topics = client.list_topics().send().await.unwrap();
        let topic = topics.topics()[0].topic_arn().unwrap().to_owned();
        (client, topic)
    }
}
