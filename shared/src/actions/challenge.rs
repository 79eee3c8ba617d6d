//! A webhook's server says that it wants notifications, before it gets any.

use std::time::Duration;

use bytes::Bytes;
use domain::channel::Sub;
use domain::refusal::{Code, Refusal};
use domain::time::Millis;
use http::HeaderMap;
use kinds::url::{PublicUrl, UrlRules};
use kinds::webhook::challenge::Challenge;
use kinds::webhook::{self, WebhookSecret};
use tokio::time::timeout;
use uuid::Uuid;

use crate::aws::cap::{CapAllowance, CapScope, Caps};
use crate::clock;
use crate::error::Error;
use crate::transports::client::{LazyClient, SafeClient};

/// A server has this long for its whole answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The number of a user's challenges that may fail on a day: else this API would knock for them wherever they like.
const FAILURES_A_DAY: u32 = 50;

/// Posts challenges.
#[derive(Clone, Debug)]
pub struct Challenger {
    client: LazyClient,
    rules: UrlRules,
    caps: Caps,
}

impl Challenger {
    /// One that posts by `client`, and keeps to the same `rules`.
    #[must_use]
    pub fn new(client: LazyClient, rules: UrlRules, caps: Caps) -> Self {
        Self { client, rules, caps }
    }

    /// Asks the server at a URL whether it wants notifications, once. The secrets are those that the server has already, if it
    /// has any.
    ///
    /// # Errors
    /// `challenge_failed`, whatever the server answered: the answer would tell a stranger about it. `too_many_challenges`.
    /// The client cannot be set up, or DynamoDB does not answer as it should.
    pub async fn ask(&self, by: &Sub, url: &str, secrets: &[&WebhookSecret]) -> Result<(), Error> {
        let url = PublicUrl::parse(url, &self.rules)?;
        let client = self.client.get().await?;
        let now = clock::now();
        self.take(by, now).await?;
        let challenge = Challenge::random();
        let body = Bytes::from(challenge.body());
        let headers = headers(&body, secrets, now)?;
        match timeout(LIMIT, is_accepted(client, &url, &challenge, headers, body)).await {
            Ok(true) => self.caps.give_back(CapScope::Challenges(by), now).await,
            Ok(false) | Err(_) => Err(failed().into()),
        }
    }

    /// Counts a challenge as failed before it is posted, so that many at once are no more.
    async fn take(&self, by: &Sub, now: Millis) -> Result<(), Error> {
        match self.caps.take(CapScope::Challenges(by), FAILURES_A_DAY, now).await? {
            CapAllowance::Taken => Ok(()),
            CapAllowance::Reached { until } => {
                let reason = format!(
                    "{FAILURES_A_DAY} webhooks a day and user may leave a challenge unanswered; again from {}",
                    until.rfc3339()
                );
                let left = until.seconds() - now.seconds();
                Err(Refusal::new(Code::TooManyChallenges, reason).again_in(left).into())
            }
        }
    }
}

/// Of the answer no more is read than [`SafeClient`] reads of any, and nothing is kept.
async fn is_accepted(client: &SafeClient, url: &PublicUrl, sent: &Challenge, headers: HeaderMap, body: Bytes) -> bool {
    let Ok(answer) = client.post(url, headers, body).await else { return false };
    let status = answer.status;
    sent.is_accepted_by(status, &answer.first_characters().await)
}

/// The headers of Standard Webhooks; none where there is no secret yet that the server could verify them with.
fn headers(body: &[u8], secrets: &[&WebhookSecret], now: Millis) -> Result<HeaderMap, Error> {
    if secrets.is_empty() {
        return Ok(HeaderMap::new());
    }
    webhook::headers(&format!("challenge_{}", Uuid::now_v7()), now.seconds(), body, secrets)
        .map_err(|error| Error::Failed { call: "sign a challenge", cause: error.to_string() })
}

fn failed() -> Refusal {
    let reason = "the server there did not answer the challenge. It is posted \
                  `{\"type\": \"challenge\", \"challenge\": \"…\"}`; within 5 seconds have it answer 2xx and \
                  `{\"challenge\": \"…\"}` with the same text, then add the endpoint again; docs/guides/webhooks.md shows how";
    Refusal::field_with(Code::ChallengeFailed, "url", reason)
}
