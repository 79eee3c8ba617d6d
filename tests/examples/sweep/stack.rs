//! A local stack, and what the measurement says to it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Builds what the stack runs; gives the folder.
fn binaries() -> PathBuf {
    let build = ["build", "--quiet", "--workspace", "--bins"];
    let status = Command::new(env!("CARGO")).args(build).current_dir(root()).status().unwrap();
    assert!(status.success(), "the functions do not build");
    // target/debug/examples/sweep → target/debug
    std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_owned()
}

/// Shows what has gone wrong, and nothing else: each sweep logs a line.
fn show_errors(output: ChildStderr) {
    std::thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        for line in lines.map(|line| String::from_utf8_lossy(&line).into_owned()) {
            if line.to_lowercase().contains("error") {
                eprintln!("{line}");
            }
        }
    });
}

/// A running local stack. It ends with the value.
pub(crate) struct Stack {
    process: Child,
    client: Client,
    aws: String,
}

impl Stack {
    pub(crate) fn start() -> Self {
        let mut process = Command::new(binaries().join("tidings-local"))
            .args(["--json", "--no-build", "--http-port", "0", "--websocket-port", "0", "--aws-port", "0"])
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        show_errors(process.stderr.take().unwrap());
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).expect("the stack did not start; see its errors above");
        Self { process, client: Client::new(), aws: ready["aws"].as_str().unwrap().to_owned() }
    }

    /// One call of the control API.
    pub(crate) async fn control(&self, method: Method, path: &str) -> Value {
        let answer = self.client.request(method, format!("{}/_local/{path}", self.aws)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// One operation of DynamoDB, which must succeed.
    pub(crate) async fn dynamodb(&self, operation: &str, body: String) -> Value {
        self.aws_call(&format!("DynamoDB_20120810.{operation}"), body).await
    }

    /// One operation of SQS, which must succeed.
    pub(crate) async fn sqs(&self, operation: &str, body: &Value) -> Value {
        self.aws_call(&format!("AmazonSQS.{operation}"), body.to_string()).await
    }

    async fn aws_call(&self, target: &str, body: String) -> Value {
        let authorization = "AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let request = self.client.post(&self.aws).header("x-amz-target", target).header("authorization", authorization);
        let request = request.header("x-amz-date", "20260101T000000Z");
        let answer = request.header("content-type", "application/x-amz-json-1.0").body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{target}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The physical name of the schedule.
    pub(crate) async fn schedule(&self) -> String {
        let tables = self.dynamodb("ListTables", json!({}).to_string()).await;
        let mut names = tables["TableNames"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        names.find(|name| name.contains("Schedule")).unwrap().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap());
        // It ends its functions by itself; nothing is left to measure if it does not.
        let _ = kill(pid, Signal::SIGTERM);
        let _ = self.process.wait();
    }
}
