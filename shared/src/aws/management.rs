//! Posting to connections, through the management API of API Gateway.

use aws_config::SdkConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::primitives::Blob;

use crate::error::Error;

/// The management API of our WebSocket API.
#[derive(Clone, Debug)]
pub struct Management {
    client: Client,
}

/// What came of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The gateway has taken it.
    Delivered,
    /// There is no such connection (410); also while its `$connect` is still running.
    Gone,
    /// The gateway did not take it, for now, though it was tried more than once: 429, 5xx, no answer in time.
    Slow,
}

impl Management {
    /// The API at this address, stage included.
    #[must_use]
    pub fn new(config: &SdkConfig, endpoint: String) -> Self {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(config).endpoint_url(endpoint).build();
        Self { client: Client::from_conf(config) }
    }

    /// Posts one frame. The SDK tries a throttled or failed post again, with jitter, before it counts as slow.
    ///
    /// # Errors
    /// The API refuses to serve us at all, which trying again does not mend.
    pub async fn post(&self, connection: &str, frame: &str) -> Result<Posted, Error> {
        let data = Blob::new(frame);
        let Err(error) = self.client.post_to_connection().connection_id(connection).data(data).send().await else {
            return Ok(Posted::Delivered);
        };
        match error.as_service_error() {
            Some(e) if e.is_gone_exception() => Ok(Posted::Gone),
            Some(e) if e.is_forbidden_exception() || e.is_payload_too_large_exception() => {
                Err(Error::call("PostToConnection")(error))
            }
            _ if matches!(error, SdkError::ConstructionFailure(_)) => Err(Error::call("PostToConnection")(error)),
            _ => Ok(Posted::Slow),
        }
    }

    /// Closes a connection, so that its client comes back and catches up. `false` if it was closed already.
    ///
    /// # Errors
    /// The API does not answer as it should.
    pub async fn cut(&self, connection: &str) -> Result<bool, Error> {
        match self.client.delete_connection().connection_id(connection).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_gone_exception()) => Ok(false),
            Err(error) => Err(Error::call("DeleteConnection")(error)),
        }
    }
}
