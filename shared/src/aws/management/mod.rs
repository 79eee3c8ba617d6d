//! Posting to connections, through the management API of API Gateway.
//!
//! Posts are what everything here is for, by the hundred thousand, so they go out without the SDK: signed with a key that is
//! derived once, and a hash that is made once for all who are sent the same. All else is the SDK's.

mod gate;
mod lanes;
mod pace;
mod poster;
mod signer;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use http::StatusCode;
use tokio::time::sleep;

use crate::aws::clients::Clients;
use crate::error::Error;
pub use gate::MOST;
pub use pace::Pace;
use poster::{Poster, Tried};
pub use signer::Payload;

/// A post that was throttled, or failed soon, is tried again after at most so many milliseconds each.
pub const PAUSES: [u64; 2] = [200, 800];

/// The management API of our WebSocket API.
#[derive(Clone, Debug)]
pub struct Management {
    client: Client,
    poster: Arc<Poster>,
}

/// What came of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Posted {
    /// The gateway has taken it.
    Delivered,
    /// There is no such connection (410); also while its `$connect` is still running.
    Gone,
    /// The gateway did not take it, for now, though it was tried more than once: 429, 5xx, no answer in time, or no turn.
    Slow,
}

impl Management {
    /// The API at this address, stage included.
    ///
    /// # Errors
    /// The address is none, or there is nothing to sign or encrypt with.
    pub fn new(clients: &Clients, endpoint: String) -> Result<Self, Error> {
        let poster = Arc::new(Poster::new(clients.config(), &endpoint)?);
        let config =
            aws_sdk_apigatewaymanagement::config::Builder::from(clients.config()).endpoint_url(endpoint).build();
        Ok(Self { client: Client::from_conf(config), poster })
    }

    /// Posts one frame. A throttled or failed post is tried again, with jitter and without keeping others waiting, before it
    /// counts as slow; one that was not answered in time is not. Where there is a pace, each further try waits for its turn (the
    /// first one's is the caller's), and all tell it how they went.
    ///
    /// # Errors
    /// The API refuses to serve us at all, which trying again does not mend.
    pub async fn post(&self, connection: &str, frame: &Payload, pace: Option<&Pace>) -> Result<Posted, Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let tried = self.poster.post(connection, frame).await?;
            let posted = posted(&tried)?;
            if let Some(pace) = pace {
                if posted == Posted::Slow { pace.slow_down() } else { pace.speed_up() }
            }
            let is_tried_again = posted == Posted::Slow && !matches!(tried, Tried::Late);
            let Some(most) = pauses.next().filter(|_| is_tried_again) else { return Ok(posted) };
            sleep(Duration::from_millis(rand::random_range(most / 4..=most))).await;
            if let Some(pace) = pace
                && !pace.turn().await
            {
                return Ok(Posted::Slow);
            }
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

/// What came of a try. Only some answers are about all posts and not about one connection.
fn posted(tried: &Tried) -> Result<Posted, Error> {
    match tried {
        Tried::Answered(status, _) if status.is_success() => Ok(Posted::Delivered),
        Tried::Answered(StatusCode::GONE, _) => Ok(Posted::Gone),
        Tried::Answered(status @ (StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE), name) => {
            Err(Error::Failed { call: "PostToConnection", cause: format!("{status} {name}") })
        }
        Tried::Answered(..) | Tried::Broken | Tried::Late => Ok(Posted::Slow),
    }
}
