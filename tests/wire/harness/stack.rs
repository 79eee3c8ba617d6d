//! Starting the local stack, and what only it has: the control API, and tables to look into.

use std::io::{BufRead as _, BufReader};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::Value;

use super::bundle::Bundle;
use super::log::Log;
use super::port::port;
use super::token::{home, local_secret};

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

/// Starts a stack, and waits until it says where it is.
fn run(arguments: &[String]) -> (Child, Log, Value) {
    let mut process = Command::new(binaries().join("tidings-local"))
        .args(["--json", "--no-build"])
        .args(arguments)
        .current_dir(root())
        .env("HOME", home())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::of(vec![Box::new(process.stderr.take().unwrap())]);
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = serde_json::from_str(&line).expect("the stack did not start; see its errors above");
    (process, log, ready)
}

/// A running local stack. It ends with the value.
pub(crate) struct Stack {
    process: Child,
    log: Log,
    bundle: Bundle,
    pub(crate) aws: String,
    /// The arguments with which it is started again.
    arguments: Vec<String>,
}

impl Deref for Stack {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        &self.bundle
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
        let ports = ["http", "websocket", "aws"].map(|name| [format!("--{name}-port"), port().to_string()]);
        let arguments = [&ports.concat()[..], arguments].concat();
        let (process, log, ready) = run(&arguments);
        let address = |name: &str| ready[name].as_str().unwrap().to_owned();
        let bundle = Bundle::at(&address("http"), &address("websocket"), local_secret(), None);
        Self { process, log, bundle, aws: address("aws"), arguments }
    }

    /// Kills it, so that it can do nothing more, and starts it again at the same addresses.
    pub(crate) fn kill_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.log.assert_keeps_secret(&self.bundle.said);
        (self.process, self.log, _) = run(&self.arguments);
    }

    /// Whether it has logged a line with all of these words.
    pub(crate) fn has_logged(&self, words: &[&str]) -> bool {
        self.log.has(words)
    }

    // ---- Control API ----

    pub(crate) async fn control(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let mut request =
            self.client.request(method, format!("{}/_local/{path}", self.aws)).header("x-tidings-local", "1");
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
        self.log.assert_keeps_secret(&self.bundle.said);
    }
}
