//! A local stack, and what a measurement says to it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde_json::Value;

use super::build::{build, root};

/// Shows what has gone wrong, and nothing else: functions log a line each time.
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
pub struct Stack {
    process: Child,
    client: Client,
    /// The addresses of its APIs.
    ready: Value,
}

impl Stack {
    /// Starts one with the default of each template parameter, and whatever these arguments of `cargo local` say.
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(build(&["--quiet", "--workspace", "--bins"]).join("tidings-local"))
            .args(["--json", "--no-build", "--http-port", "0", "--websocket-port", "0", "--aws-port", "0"])
            .args((!cfg!(debug_assertions)).then_some("--release"))
            .args(arguments)
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
        Self { process, client: Client::new(), ready }
    }

    /// Where its `http`, `websocket` or `aws` API is.
    pub fn address(&self, api: &str) -> &str {
        self.ready[api].as_str().unwrap()
    }

    /// One call of the control API.
    pub async fn control(&self, method: Method, path: &str) -> Value {
        let answer = self
            .client
            .request(method, format!("{}/_local/{path}", self.address("aws")))
            .header("x-tidings-local", "1")
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Arms a fault.
    pub async fn fault(&self, rule: &Value) {
        let address = format!("{}/_local/faults", self.address("aws"));
        let request = self.client.post(address).header("x-tidings-local", "1").body(rule.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{rule}: {}", answer.text().await.unwrap());
    }

    /// One operation of an AWS service, such as `DynamoDB_20120810.ListTables`, which must succeed.
    pub async fn aws(&self, target: &str, body: String) -> Value {
        let authorization = "AWS4-HMAC-SHA256 Credential=operator/20260101/us-east-1/dynamodb/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let request = self.client.post(self.address("aws")).header("x-amz-target", target);
        let request = request.header("authorization", authorization).header("x-amz-date", "20260101T000000Z");
        let answer = request.header("content-type", "application/x-amz-json-1.0").body(body).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{target}: {status}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The physical name of a table.
    pub async fn table(&self, name: &str) -> String {
        let tables = self.aws("DynamoDB_20120810.ListTables", "{}".to_owned()).await;
        let mut names = tables["TableNames"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        names.find(|physical| physical.contains(name)).unwrap().to_owned()
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
