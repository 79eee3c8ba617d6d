//! A running bundle as its users see it: an HTTP API, a WebSocket API, and a secret that signs tokens.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::said::Said;
use super::socket::{Refused, Socket};
use super::token::sign;

/// Longer than anything takes that works: a message that has to come a second time does so after 72 s, and a machine may have much
/// else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Longer than any call takes.
const CALL: Duration = Duration::from_secs(60);

/// The address of callers on this machine, which differs from the one that they call: Linux has all of 127/8.
pub(super) fn source(target: &str) -> Option<IpAddr> {
    let is_here = target.contains("//127.0.0.1") && cfg!(target_os = "linux");
    is_here.then(|| IpAddr::from([127, 0, 0, 77]))
}

/// A bundle, wherever it runs.
pub(crate) struct Bundle {
    pub(super) client: Client,
    pub(crate) http: String,
    pub(crate) websocket: String,
    pub(super) secret: String,
    /// The mark that sets the names of one test apart from others', where a bundle is shared.
    pub(super) mark: Option<String>,
    /// The texts that it was sent.
    pub(crate) said: Said,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
    /// The text as JSON, if it is that.
    pub(crate) body: Value,
}

impl Answer {
    /// The stable code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A file for all texts that callers sent, for a search of a deployed bundle's logs.
const SAID: &str = "TIDINGS_SAID";

impl Drop for Bundle {
    fn drop(&mut self) {
        if let Ok(path) = std::env::var(SAID) {
            self.said.write_to(&path);
        }
    }
}

impl Bundle {
    pub(super) fn at(http: &str, websocket: &str, secret: &str, mark: Option<String>) -> Self {
        let said = Said::default();
        said.text(secret);
        let source = source(http);
        said.text(&source.map(|address| address.to_string()).unwrap_or_default());
        let client = Client::builder().timeout(CALL).local_address(source).build().unwrap();
        let (http, websocket, secret) = (http.to_owned(), websocket.to_owned(), secret.to_owned());
        Self { client, http, websocket, secret, mark, said }
    }

    /// A name that no other test of a shared bundle uses.
    pub(crate) fn name(&self, name: &str) -> String {
        self.mark.as_ref().map_or_else(|| name.to_owned(), |mark| format!("{name}-{mark}"))
    }

    /// The inbox of the user of that name.
    pub(crate) fn inbox(&self, sub: &str) -> String {
        format!("user:{}", self.name(sub))
    }

    /// A topic of that name.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("topic:{}", self.name(name))
    }

    // ---- HTTP API ----

    /// One call of the HTTP API, with all that a caller may choose.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Answer {
        self.said.path(path);
        let mut request = self.client.request(method, format!("{}{path}", self.http));
        if let Some(token) = token {
            self.said.token(token);
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            self.said.name(name);
            self.said.text(value);
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            self.said.json(&serde_json::from_str(&body).unwrap_or_default());
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap_or_default();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// A publisher that may send everywhere.
    pub(crate) fn publisher(&self) -> String {
        // Also by a clock that a test has set ahead by years.
        self.token(&json!({"sub": self.name("publisher"), "publish": ["*"], "exp": 4_102_444_800_u64}))
    }

    /// A token with these claims, signed with the bundle's secret.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.said.json(claims);
        sign(claims, &self.secret)
    }

    /// `POST /v1/notifications` by the publisher.
    pub(crate) async fn post(&self, body: &Value) -> Answer {
        self.call(Method::POST, "/v1/notifications", Some(&self.publisher()), &[], Some(body.to_string())).await
    }

    /// The same under a key.
    pub(crate) async fn post_under(&self, key: &str, body: &Value) -> Answer {
        let headers = [("Idempotency-Key", key)];
        self.call(Method::POST, "/v1/notifications", Some(&self.publisher()), &headers, Some(body.to_string())).await
    }

    /// Sends until it is taken, as a publisher does: a 503 asks for another try, under the same key. Without a key it has to say that
    /// nothing was stored.
    pub(crate) async fn post_until_taken(&self, key: Option<&str>, body: &Value) -> Answer {
        let give_up = tokio::time::Instant::now() + 2 * PATIENCE;
        loop {
            let answer = match key {
                Some(key) => self.post_under(key, body).await,
                None => self.post(body).await,
            };
            if answer.status == 202 {
                return answer;
            }
            let is_asked_for = answer.status == 503 && (key.is_some() || answer.code() == "channel_busy");
            assert!(is_asked_for && tokio::time::Instant::now() < give_up, "{answer:?}");
        }
    }

    /// Sends a body to one channel, which must succeed, and gives its seq.
    pub(crate) async fn send(&self, channel: &str, body: &str) -> u64 {
        let answer = self.post(&json!({"to": channel, "body": body})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.body["channels"][0]["seq"].as_u64().unwrap()
    }

    /// `GET /v1/channels/{channel}` by one who may read everything.
    pub(crate) async fn channel(&self, channel: &str) -> Value {
        let reader = self.token(&json!({"sub": "reader", "subscribe": ["*", "user:*"]}));
        let answer = self.call(Method::GET, &format!("/v1/channels/{channel}"), Some(&reader), &[], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    // ---- WebSocket API ----

    /// Opens a socket for a user.
    pub(crate) async fn connect(&self, sub: &str) -> Socket {
        self.connect_with(&json!({"sub": sub})).await
    }

    /// Opens a socket with these claims.
    pub(crate) async fn connect_with(&self, claims: &Value) -> Socket {
        self.try_connect(&self.token(claims)).await.unwrap()
    }

    /// Opens a socket, or says how it was refused.
    pub(crate) async fn try_connect(&self, token: &str) -> Result<Socket, Refused> {
        self.said.token(token);
        let url = reqwest::Url::parse_with_params(&self.websocket, [("token", token)]).unwrap();
        let socket = Socket::open(url.as_str(), &[]).await?;
        Ok(socket.listened_to_by(&self.said))
    }

    /// Waits until a condition of the bundle holds.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, condition: impl Fn() -> F) {
        self.until_within(PATIENCE, what, condition).await;
    }

    /// The same for what takes longer.
    pub(crate) async fn until_within<F: Future<Output = bool>>(
        &self,
        patience: Duration,
        what: &str,
        condition: impl Fn() -> F,
    ) {
        let give_up = tokio::time::Instant::now() + patience;
        while !condition().await {
            assert!(tokio::time::Instant::now() < give_up, "never came true: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
