//! Posting to connections, through the management API of API Gateway.
//!
//! Posts are what everything here is for, by the hundred thousand, so they go out without the SDK: signed with a key that is
//! derived once, and a hash that is made once for all who are sent the same. All else is the SDK's.

mod concurrency_limit;
mod connection_pool;
mod post_client;
mod rate_limiter;
mod signer;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use domain::shortage::Shortage;
use tokio::time::sleep;

use crate::aws::clients::Clients;
use crate::error::Error;
pub use concurrency_limit::MOST;
pub use post_client::PostPermit;
use post_client::{PostClient, TryAnswer};
pub use rate_limiter::RateLimiter;
pub use signer::Payload;

/// A post that was refused, or failed soon, is tried again after at most so many milliseconds each.
pub const PAUSES: [u64; 2] = [200, 800];

/// The management API of our WebSocket API.
#[derive(Clone, Debug)]
pub struct Management {
    client: Client,
    post_client: Arc<PostClient>,
    shortage: Arc<Mutex<Shortage>>,
}

/// The result of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostResult {
    /// The gateway has taken it.
    Delivered,
    /// There is no such connection (410); also while its `$connect` is still running.
    Gone,
    /// The gateway does not take it now: 429, or another failure while it serves nobody. That says nothing against the connection.
    Refused,
    /// No answer came, or not in time; or the gateway failed at this post (5xx) and not at others'.
    Silent,
}

/// To whom something is posted, and how.
#[derive(Clone, Copy, Debug)]
pub struct To<'a> {
    /// The connection's id.
    pub connection: &'a str,
    /// Whether it did not take this notification before. Then one try is enough, and a refusal says nothing about others.
    pub is_known: bool,
}

impl Management {
    /// The API at this address, stage included.
    ///
    /// # Errors
    /// The address is none, or there is nothing to sign or encrypt with.
    pub fn new(clients: &Clients, endpoint: String) -> Result<Self, Error> {
        let post_client = Arc::new(PostClient::new(clients.config(), &endpoint)?);
        let config =
            aws_sdk_apigatewaymanagement::config::Builder::from(clients.config()).endpoint_url(endpoint).build();
        Ok(Self { client: Client::from_conf(config), post_client, shortage: Arc::default() })
    }

    /// Waits for a place among the posts that are under way.
    pub async fn enter(&self) -> PostPermit<'_> {
        self.post_client.enter().await
    }

    /// Posts one frame. A refused or failed post is tried again, with jitter and without keeping others waiting; one that was not
    /// answered in time is not, nor is any while nobody is served. Where there is a rate limiter, each further try waits for its turn (the
    /// first one's is the caller's), and all tell it how they went.
    ///
    /// # Errors
    /// The API refuses to serve us at all, which trying again does not mend.
    pub async fn post(
        &self,
        mut place: PostPermit<'_>,
        to: To<'_>,
        frame: &Payload,
        limiter: Option<&RateLimiter>,
    ) -> Result<PostResult, Error> {
        let mut pauses = PAUSES.into_iter().take(if to.is_known { 0 } else { PAUSES.len() });
        let mut is_first = true;
        loop {
            let answer = self.post_client.post(place, to.connection, frame).await?;
            let posted = self.record(answer, is_first, !is_first || to.is_known, limiter);
            let is_tried_again = !matches!(posted, PostResult::Delivered | PostResult::Gone)
                && !matches!(answer, TryAnswer::Late)
                && !self.is_refusing_all();
            let Some(most) = pauses.next().filter(|_| is_tried_again) else { return Ok(posted) };
            is_first = false;
            sleep(Duration::from_millis(rand::random_range(most / 4..=most))).await;
            let has_turn = match limiter {
                Some(limiter) => limiter.turn().await,
                None => true,
            };
            if !has_turn {
                return Ok(PostResult::Refused);
            }
            place = self.enter().await;
            if self.is_refusing_all() {
                return Ok(PostResult::Refused);
            }
        }
    }

    /// Whether nobody was served lately: then one post at a time is enough to see whether that has changed.
    #[must_use]
    pub fn is_refusing_all(&self) -> bool {
        self.shortage().is_total()
    }

    /// Takes in how a try was answered, for the rate limiter and for the next tries. What a connection is answered that
    /// `is_known` not to take the post is about others only where many are refused.
    fn record(&self, answer: TryAnswer, is_first: bool, is_known: bool, limiter: Option<&RateLimiter>) -> PostResult {
        let mut shortage = self.shortage();
        match answer {
            TryAnswer::Taken | TryAnswer::Gone => shortage.record_served(),
            TryAnswer::Refused | TryAnswer::Failed if is_first => shortage.record_refused(),
            _ => {}
        }
        let posted = match answer {
            TryAnswer::Taken => PostResult::Delivered,
            TryAnswer::Gone => PostResult::Gone,
            TryAnswer::Refused => PostResult::Refused,
            TryAnswer::Failed if shortage.is_total() => PostResult::Refused,
            TryAnswer::Failed | TryAnswer::Broken | TryAnswer::Late => PostResult::Silent,
        };
        match (limiter, posted) {
            (Some(limiter), PostResult::Delivered | PostResult::Gone) => limiter.speed_up(),
            (Some(limiter), _) if !is_known || shortage.is_general() => limiter.slow_down(),
            _ => {}
        }
        posted
    }

    fn shortage(&self) -> MutexGuard<'_, Shortage> {
        self.shortage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes a connection, so that its client comes back and catches up. `false` if it was closed already.
    ///
    /// # Errors
    /// The API does not answer as it should.
    pub async fn disconnect(&self, connection: &str) -> Result<bool, Error> {
        match self.client.delete_connection().connection_id(connection).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_gone_exception()) => Ok(false),
            Err(error) => Err(Error::call("DeleteConnection")(error)),
        }
    }
}
