//! The transports that messages to endpoints go by: HTTP POST, SNS and SES. The crate `kinds` says what goes out.

pub mod client;
mod vapid;

use std::time::Duration;

use bytes::Bytes;
use domain::time::Millis;
use http::header::AUTHORIZATION;
use kinds::outgoing_delivery::OutgoingDelivery;
use kinds::{Given, KindSettings, Meaning, NoMessage, Post, Request};

use client::{Answer, LazyClient, Unreachable};
use vapid::Vapid;

use crate::aws::cap::{CapAllowance, Caps};
use crate::aws::clients::Clients;
use crate::aws::email::Mailer;
use crate::aws::provider_result::ProviderResult;
use crate::aws::publish::Publisher;
use crate::aws::subscribers::Endpoint;
use crate::error::Error;
use crate::settings::TransportSettings;

/// The outcome of an attempt, for the delivery and for the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The receiver has it.
    Delivered,
    /// The receiver is no more.
    Gone,
    /// It is to be tried again.
    Failed {
        /// Not before so many seconds, if the receiver said so.
        wish: Option<i64>,
    },
    /// It did not get there for a reason of ours, or of a service between: it is to be tried again, and says nothing of the
    /// endpoint.
    Hindered,
    /// It would not be taken however often it is tried.
    Refused,
    /// It was not made, since the day's cap is reached. It is to be made then.
    PutOff(Millis),
    /// It was broken off, since the receiver took its time while many others did. It is to be made again, in the slow lane.
    BrokenOff,
    /// There is nothing in it for an endpoint of this kind.
    Nothing,
}

impl AttemptOutcome {
    /// For how many seconds the receiver wants to be left alone.
    #[must_use]
    pub fn wish(&self) -> Option<i64> {
        if let Self::Failed { wish } = self { *wish } else { None }
    }

    /// The word for it, as attempts keep it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Gone => "gone",
            Self::Failed { .. } | Self::Hindered => "failed",
            Self::Refused => "refused",
            Self::PutOff(_) | Self::BrokenOff => "put_off",
            Self::Nothing => "nothing_to_send",
        }
    }
}

/// An attempt whose outcome is known. What else the receiver says may still be on the way.
#[derive(Debug)]
pub struct AttemptResult {
    /// The outcome.
    pub outcome: AttemptOutcome,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The reason, in a word.
    pub reason: Option<String>,
    /// The time until the receiver's status, where there was one.
    pub latency: Option<Duration>,
    answer: Option<Answer>,
}

impl AttemptResult {
    /// One that was broken off.
    #[must_use]
    pub fn broken_off() -> Self {
        Self::because(AttemptOutcome::BrokenOff, "slow")
    }

    fn only(outcome: AttemptOutcome) -> Self {
        Self { outcome, status: None, reason: None, latency: None, answer: None }
    }

    fn because(outcome: AttemptOutcome, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::only(outcome) }
    }

    fn answered(meaning: Meaning, answer: Answer) -> Self {
        let outcome = match meaning {
            Meaning::Delivered => AttemptOutcome::Delivered,
            Meaning::Gone => AttemptOutcome::Gone,
            Meaning::Refused => AttemptOutcome::Refused,
            Meaning::Failed { retry_after_seconds } => AttemptOutcome::Failed { wish: wish(retry_after_seconds) },
        };
        let (status, latency) = (Some(answer.status), Some(answer.latency));
        Self { outcome, status, reason: None, latency, answer: Some(answer) }
    }

    /// The first characters of the answer, if it has any. Takes at most a second.
    pub async fn first_characters(&mut self) -> Option<String> {
        let said = self.answer.take()?.first_characters().await;
        Some(said).filter(|said| !said.is_empty())
    }

    fn unreachable(unreachable: Unreachable) -> Self {
        Self::because(AttemptOutcome::Failed { wish: None }, unreachable.reason.as_str())
    }

    /// Something of ours failed. It is tried again, like what fails over there.
    fn failed(error: &Error) -> Self {
        error.log();
        Self::because(AttemptOutcome::Hindered, "internal")
    }

    fn handed(handed: ProviderResult) -> Self {
        match handed {
            ProviderResult::Taken => Self::only(AttemptOutcome::Delivered),
            ProviderResult::Gone { code } => Self::because(AttemptOutcome::Gone, code),
            ProviderResult::Later { code } => Self::because(AttemptOutcome::Hindered, code),
            ProviderResult::Refused { code } => Self::because(AttemptOutcome::Refused, code),
        }
    }
}

fn wish(seconds: Option<u64>) -> Option<i64> {
    seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// Reaches endpoints of all kinds.
#[derive(Debug)]
pub struct Transport {
    /// The client that posts to URLs.
    client: LazyClient,
    kinds: KindSettings,
    publisher: Publisher,
    mailer: Mailer,
    caps: Caps,
    /// The percentage of a day's cap that one user may have.
    cap_share: u32,
    vapid: Vapid,
}

impl Transport {
    /// Builds the transports.
    #[must_use]
    pub fn new(clients: &Clients, kinds: KindSettings, settings: TransportSettings) -> Self {
        let TransportSettings { name_server, vapid_secret, email_from, once_table, cap_share } = settings;
        Self {
            client: LazyClient::new(kinds.urls.clone(), name_server),
            publisher: Publisher::new(clients),
            mailer: Mailer::new(clients, email_from),
            caps: Caps::new(clients, once_table.clone()),
            cap_share,
            vapid: Vapid::new(clients, vapid_secret, once_table, kinds.web_push.public_key.clone()),
            kinds,
        }
    }

    /// Makes one attempt, until its outcome is known.
    pub async fn attempt(&self, endpoint: &Endpoint, delivery: &OutgoingDelivery<'_>, now: Millis) -> AttemptResult {
        self.try_attempt(endpoint, delivery, now).await.unwrap_or_else(|error| AttemptResult::failed(&error))
    }

    async fn try_attempt(
        &self,
        endpoint: &Endpoint,
        delivery: &OutgoingDelivery<'_>,
        now: Millis,
    ) -> Result<AttemptResult, Error> {
        let secrets = endpoint.secrets(now);
        let given = Given { now, secrets: &secrets, urls: &self.kinds.urls, cap_share: self.cap_share };
        let message = match endpoint.target.message(delivery, &given, &self.kinds) {
            Ok(message) => message,
            Err(NoMessage::Empty) => return Ok(AttemptResult::only(AttemptOutcome::Nothing)),
            Err(NoMessage::ForbiddenUrl) => {
                return Ok(AttemptResult::because(AttemptOutcome::Hindered, "forbidden_url"));
            }
            Err(NoMessage::Failed(failed)) => return Err(failed.into()),
        };
        if let Some(charge) = message.charge
            && let CapAllowance::Reached { until } = self.caps.take_paid(charge, &endpoint.user(), now).await?
        {
            return Ok(AttemptResult::because(AttemptOutcome::PutOff(until), "daily_cap"));
        }
        match message.request {
            Request::Post(post) => self.post(post, now).await,
            Request::Push(target, push) => self.publisher.push(&target, &push).await.map(AttemptResult::handed),
            Request::Text(phone, text) => self.publisher.sms(&phone, &text).await.map(AttemptResult::handed),
            Request::Mail(address, mail) => self.mailer.send(&address, &mail).await.map(AttemptResult::handed),
        }
    }

    async fn post(&self, post: Post, now: Millis) -> Result<AttemptResult, Error> {
        let Post { url, mut headers, body, vapid, meaning } = post;
        if let Some(origin) = vapid {
            headers.insert(AUTHORIZATION, self.vapid.token(&origin, now).await?.header()?);
        }
        match self.client.get().await?.post(&url, headers, Bytes::from(body)).await {
            Ok(answer) => Ok(AttemptResult::answered(meaning(answer.status, answer.retry_after_seconds), answer)),
            Err(unreachable) => Ok(AttemptResult::unreachable(unreachable)),
        }
    }
}
