//! Starting the local stack, and its HTTP API and control API.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::socket::{Refused, Socket};
use super::token::{LOCAL_SECRET, sign};

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folder of the binaries under test, built once.
pub(crate) fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(status.success(), "the binaries under test do not build");
        // target/debug/deps/wire-… → target/debug
        std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned()
    })
}

/// A running local stack. It ends with the value.
pub(crate) struct Stack {
    process: Child,
    client: Client,
    pub(crate) http: String,
    pub(crate) websocket: String,
    pub(crate) aws: String,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The stable code of a refusal.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Stack {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with further arguments.
    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        tokio::task::spawn_blocking(move || Self::spawn(&arguments)).await.unwrap()
    }

    fn spawn(arguments: &[String]) -> Self {
        let mut process = Command::new(binaries().join("tidings-local"))
            .args(["--json", "--no-build", "--http-port", "0", "--websocket-port", "0", "--aws-port", "0"])
            .args(arguments)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the stack did not start; see its errors above");
        let address = |name: &str| ready[name].as_str().unwrap().to_owned();
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { process, client, http: address("http"), websocket: address("websocket"), aws: address("aws") }
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
        let mut request = self.client.request(method, format!("{}{path}", self.http));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.json().await.unwrap_or_default() }
    }

    /// A publisher that may send everywhere.
    pub(crate) fn publisher(&self) -> String {
        self.token(&json!({"sub": "publisher", "publish": ["*"]}))
    }

    /// A token with these claims, signed with the local secret.
    #[allow(clippy::unused_self, reason = "the token is this stack's")]
    pub(crate) fn token(&self, claims: &Value) -> String {
        sign(claims, LOCAL_SECRET)
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
        Socket::open(&format!("{}/?token={token}", self.websocket), &[]).await
    }

    // ---- Control API ----

    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request = self.client.request(method, format!("{}/_local/{path}", self.aws));
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Arms a fault.
    pub(crate) async fn fault(&self, rule: Value) {
        self.control(Method::POST, "faults", Some(rule)).await;
    }

    /// Asserts that every armed fault fired, and disarms them.
    pub(crate) async fn assert_faults_fired(&self) {
        for fault in self.control(Method::GET, "faults", None).await.as_array().unwrap() {
            assert!(fault["fired"].as_u64().unwrap() > 0, "never fired: {fault}");
        }
        self.control(Method::DELETE, "faults", None).await;
    }

    /// The AWS calls of functions since the last [`Stack::forget_calls`].
    pub(crate) async fn calls(&self) -> Vec<Value> {
        let calls = self.control(Method::GET, "calls", None).await;
        calls.as_array().unwrap().iter().filter(|call| !call["function"].is_null()).cloned().collect()
    }

    pub(crate) async fn forget_calls(&self) {
        self.control(Method::DELETE, "calls", None).await;
    }

    /// The ids of the open sockets.
    pub(crate) async fn sockets(&self) -> Vec<String> {
        let sockets = self.control(Method::GET, "sockets", None).await;
        sockets.as_array().unwrap().iter().map(|socket| socket["connection"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until a condition of the stack holds.
    pub(crate) async fn until<F: Future<Output = bool>>(&self, what: &str, condition: impl Fn() -> F) {
        let give_up = tokio::time::Instant::now() + PATIENCE;
        while !condition().await {
            assert!(tokio::time::Instant::now() < give_up, "never came true: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One call of the AWS wire API, as an operator.
    pub(crate) async fn aws_call(&self, target: &str, body: &Value) -> (u16, Value) {
        let authorization = "AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let answer = self
            .client
            .post(&self.aws)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-date", "20260101T000000Z")
            .header("authorization", authorization)
            .body(body.to_string())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        // It ends its functions by itself; there is nothing to mend in a test if it does not.
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.process.wait();
    }
}
