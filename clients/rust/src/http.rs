//! The HTTP API: sends, looks, and cancels.

mod endpoints;

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use reqwest::header::{AUTHORIZATION, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use crate::address::{redirected, warn_if_in_the_clear};
use crate::channel::Channel;
use crate::notification::{Notification, NotificationState, SendResponse};
use crate::timing::backoff;
use crate::token::is_local;

/// A call is retried for this long, counted from its first attempt. An attempt that began in time may end later.
const TRY_FOR: Duration = Duration::from_secs(30);
const FIRST_RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// API Gateway answers within 30 s, if only with an error.
const ANSWER: Duration = Duration::from_secs(35);
const CONNECT: Duration = Duration::from_secs(5);

/// The state of a channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelState {
    /// The channel.
    pub channel: Channel,
    /// Its newest seq; 0 in a channel never used.
    pub seq: u64,
    /// The oldest seq that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<u64>,
    /// Live connections, counted to 1,000.
    pub connections: u64,
    /// Endpoints, counted to 1,000.
    #[serde(default)]
    pub endpoints: u64,
    /// The number of notifications that the owner has not read. Inboxes only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The server refused it, or kept failing until trying again was given up.
    #[error("{code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's stable code; the status where API Gateway itself refused, which has no codes.
        code: String,
        /// The same for people.
        detail: String,
    },
    /// The address sends the call elsewhere, where it does not go: a redirect is not followed.
    #[error("{detail}")]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where it would have gone, and which address to give.
        detail: String,
    },
    /// There was no answer, or none that could be read.
    #[error("no answer from {url}: {}", innermost(source))]
    Network {
        /// The address that was called.
        url: String,
        /// The failure.
        source: reqwest::Error,
    },
    /// The address, the token or the id cannot be put into a request.
    #[error("{0}")]
    Request(String),
}

/// A client of the HTTP API.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    authorization: HeaderValue,
}

impl Client {
    /// A client of the API at `base` (`https://…`), with a token. It warns of an address that would have the token cross a
    /// network in the clear.
    ///
    /// # Errors
    /// The address or the token cannot be put into a request.
    pub fn new(base: &str, token: &str) -> Result<Self, HttpError> {
        reqwest::Url::parse(base).map_err(|error| HttpError::Request(format!("`{base}` is no address: {error}")))?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| HttpError::Request("the token has characters that no token has".to_owned()))?;
        authorization.set_sensitive(true);
        warn_if_in_the_clear(base);
        // Nobody has configured where a redirect leads.
        let builder = reqwest::Client::builder().redirect(Policy::none()).timeout(ANSWER).connect_timeout(CONNECT);
        // A proxy's own loopback is another machine's, and a token of the local stack is nothing to show it.
        let builder = if is_local(base) { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|source| HttpError::Network { url: base.to_owned(), source })?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), authorization })
    }

    /// Sends a notification, now or when it says (`deliver_at`, `delay`, `repeat`). It is stored once however often the
    /// call is tried: under `key` if one is given, else under one of its own. (With `store: false` no key goes, and
    /// nobody promises that it comes once.)
    ///
    /// # Errors
    /// It is refused, or for half a minute nobody could be reached that would take it. After [`HttpError::Network`] it
    /// may have been stored all the same; sending it again under the same `key` is safe.
    pub async fn send(&self, notification: &Notification, key: Option<&str>) -> Result<SendResponse, HttpError> {
        let own = || (notification.store != Some(false)).then(|| uuid::Uuid::now_v7().to_string());
        let key = key.map(ToOwned::to_owned).or_else(own);
        let request = || {
            let request = self.request(Method::POST, "/v1/notifications").json(notification);
            key.iter().fold(request, |request, key| request.header("Idempotency-Key", key))
        };
        self.call(request, Response::json).await
    }

    /// Looks at a notification by its id: whether it is still to come, and where it went.
    ///
    /// # Errors
    /// It is refused (`not_found`: nobody knows the id any more, or never did), or for half a minute nobody answered.
    pub async fn notification(&self, id: &str) -> Result<NotificationState, HttpError> {
        let path = notification_path(id)?;
        self.call(|| self.request(Method::GET, &path), Response::json).await
    }

    /// Cancels a notification that is still to come, and with `repeat` all that would follow. If an answer is lost the
    /// call is tried again, and what is cancelled already is cancelled: that is no error.
    ///
    /// # Errors
    /// It is refused (`already_sent`, `not_found`), or for half a minute nobody answered. Then it may have been
    /// cancelled all the same; cancelling it again is safe.
    pub async fn cancel(&self, id: &str) -> Result<NotificationState, HttpError> {
        let path = notification_path(id)?;
        self.call(|| self.request(Method::DELETE, &path), Response::json).await
    }

    /// Looks at a channel.
    ///
    /// # Errors
    /// It is refused, or for half a minute nobody answered.
    pub async fn channel(&self, channel: &Channel) -> Result<ChannelState, HttpError> {
        let path = channel_path(channel);
        self.call(|| self.request(Method::GET, &path), Response::json).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).header(AUTHORIZATION, self.authorization.clone())
    }

    /// Makes a call until it is answered, refused, or hopeless.
    async fn call<T>(
        &self,
        request: impl Fn() -> RequestBuilder,
        read: impl AsyncFn(Response) -> reqwest::Result<T>,
    ) -> Result<T, HttpError> {
        let deadline = Instant::now() + TRY_FOR;
        let mut rng = StdRng::seed_from_u64(rand::random());
        let mut failures = 0;
        loop {
            let (error, wait) = match self.attempt(request(), &read).await {
                Attempt::Done(value) => return Ok(value),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again { error, wait } => (error, wait),
            };
            failures += 1;
            let wait = wait.unwrap_or_default().saturating_add(backoff(&mut rng, FIRST_RETRY, LONGEST_RETRY, failures));
            if wait > deadline.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            tracing::warn!(%error, ?wait, "trying again");
            tokio::time::sleep(wait).await;
        }
    }

    /// Makes a call that must not be made again where its answer is lost.
    async fn once<T>(
        &self,
        request: RequestBuilder,
        read: impl AsyncFn(Response) -> reqwest::Result<T>,
    ) -> Result<T, HttpError> {
        match self.attempt(request, &read).await {
            Attempt::Done(value) => Ok(value),
            Attempt::Failed(error) | Attempt::Again { error, .. } => Err(error),
        }
    }

    async fn attempt<T>(
        &self,
        request: RequestBuilder,
        read: &impl AsyncFn(Response) -> reqwest::Result<T>,
    ) -> Attempt<T> {
        let network = |source: reqwest::Error| HttpError::Network { url: self.base.clone(), source };
        let response = match request.send().await {
            Ok(response) => response,
            Err(source) if source.is_builder() => return Attempt::Failed(network(source)),
            Err(source) => return Attempt::Again { error: network(source), wait: None },
        };
        let status = response.status();
        if status.is_success() {
            return match read(response).await {
                Ok(value) => Attempt::Done(value),
                Err(source) if source.is_decode() => Attempt::Failed(network(source)),
                Err(source) => Attempt::Again { error: network(source), wait: None },
            };
        }
        if status.is_redirection() {
            return Attempt::Failed(self.redirected(&response));
        }
        let wait = retry_after(&response);
        let error = refused(status, &response.text().await.unwrap_or_default());
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Attempt::Again { error, wait };
        }
        Attempt::Failed(error)
    }

    fn redirected(&self, response: &Response) -> HttpError {
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let detail = redirected(&self.base, status, location, ("HTTP API", "HttpUrl"));
        HttpError::Redirected { status, detail }
    }
}

enum Attempt<T> {
    Done(T),
    Failed(HttpError),
    Again { error: HttpError, wait: Option<Duration> },
}

/// `Retry-After` in seconds. Its other form, a date, is nothing that this API sends.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Reads `application/problem+json`, or what API Gateway says by itself.
fn refused(status: StatusCode, body: &str) -> HttpError {
    let problem: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    let code = text("code").unwrap_or_else(|| status.to_string());
    let detail = text("detail").or_else(|| text("message")).or_else(|| text("title")).unwrap_or_default();
    HttpError::Refused { status: status.as_u16(), code, detail }
}

fn channel_path(channel: &Channel) -> String {
    format!("/v1/channels/{}", percent_encoded(channel.as_str()))
}

/// Without an id, or with one that an address resolves away, the call would be another one.
fn notification_path(id: &str) -> Result<String, HttpError> {
    if matches!(id, "" | "." | "..") {
        let told = format!("`{id}` is no notification's id: give the `id` that the answer to its sending had");
        return Err(HttpError::Request(told));
    }
    Ok(format!("/v1/notifications/{}", percent_encoded(id)))
}

/// `+` and `|` mean something else to some of what stands between here and the function.
fn percent_encoded(segment: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@".contains(&b);
    segment.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// reqwest says "error sending request" and leaves the reason to its sources.
fn innermost(error: &reqwest::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_becomes_one_path_segment() {
        assert_eq!(percent_encoded("user:auth0|5f+7c=@~x"), "user:auth0%7C5f%2B7c%3D@~x");
    }

    #[test]
    fn an_id_becomes_one_path_segment_or_is_refused() {
        assert_eq!(notification_path("0192-a").unwrap(), "/v1/notifications/0192-a");
        assert_eq!(notification_path("../channels/a?b#c").unwrap(), "/v1/notifications/..%2Fchannels%2Fa%3Fb%23c");
        for id in ["", ".", ".."] {
            assert!(matches!(notification_path(id), Err(HttpError::Request(_))), "{id}");
        }
    }

    #[test]
    fn a_refusal_gives_its_code_and_detail() {
        let body = r#"{"type": "x", "title": "Not allowed", "status": 403, "code": "forbidden", "detail": "no"}"#;
        assert_eq!(refused(StatusCode::FORBIDDEN, body).to_string(), "forbidden: no");
        let own = refused(StatusCode::NOT_FOUND, r#"{"message": "Not Found"}"#);
        assert_eq!(own.to_string(), "404 Not Found: Not Found");
    }
}
