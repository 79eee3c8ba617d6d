//! One process of a function, fed with an event over the Lambda Runtime API: for events that a gateway rarely sends, or
//! in an order that it rarely chooses.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{AppendHeaders, IntoResponse};
use axum::routing::{get, post};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use super::bundle::PATIENCE;
use super::log::Log;
use super::said::Said;
use super::stack::{Stack, binaries};

/// A process of a function, with the environment that the stack gives to it.
pub(crate) struct Function {
    process: Child,
    log: Log,
    said: Said,
    events: mpsc::Sender<(Value, Duration)>,
    answers: mpsc::Receiver<Value>,
}

struct Runtime {
    /// Each with the time that the function has for it.
    events: Mutex<mpsc::Receiver<(Value, Duration)>>,
    answers: mpsc::Sender<Value>,
}

/// Bodies that are longer are refused, and reading one here could take gigabytes.
const LONGEST_REMEMBERED: usize = 64 * 1024;

/// The largest answer that Lambda takes.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

impl Function {
    pub(crate) async fn start(stack: &Stack, name: &str) -> Self {
        Self::start_as(stack, name, Command::new).await
    }

    /// Starts one that gets no more than this much memory, by its addresses: a process that wants more ends.
    pub(crate) async fn start_within(stack: &Stack, name: &str, megabytes: usize) -> Self {
        Self::start_as(stack, name, |binary| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &format!("ulimit -v {}; exec \"$0\"", megabytes * 1024)]).arg(binary);
            command
        })
        .await
    }

    async fn start_as(stack: &Stack, name: &str, command: impl Fn(PathBuf) -> Command) -> Self {
        let environment = environment(stack, name).await;
        let (events, waiting) = mpsc::channel(1);
        let (answering, answers) = mpsc::channel(1);
        let runtime = Arc::new(Runtime { events: Mutex::new(waiting), answers: answering });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(answered))
            .layer(DefaultBodyLimit::max(LARGEST_ANSWER))
            .with_state(runtime);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let mut process = command(binaries().join(name.to_lowercase()))
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(vec![Box::new(process.stdout.take().unwrap()), Box::new(process.stderr.take().unwrap())]);
        Self { process, log, said: stack.said.clone(), events, answers }
    }

    /// Whether it has logged a line with all of these words.
    pub(crate) fn has_logged(&self, words: &[&str]) -> bool {
        self.log.has(words)
    }

    /// The most memory that it has had, in megabytes. `None` where the system does not say.
    pub(crate) fn peak(&self) -> Option<usize> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().strip_suffix(" kB")?.parse::<usize>().ok()? / 1024)
    }

    /// Runs it on one event, and gives what it answers.
    pub(crate) async fn invoke(&mut self, event: &Value) -> Value {
        self.invoke_within(event, PATIENCE).await
    }

    /// The same, with less time than the template gives it.
    pub(crate) async fn invoke_within(&mut self, event: &Value, time: Duration) -> Value {
        for inside in [&event["body"], &event["requestContext"]["authorizer"]["claims"]] {
            let inside = inside.as_str().filter(|text| text.len() <= LONGEST_REMEMBERED).unwrap_or_default();
            self.said.json(&serde_json::from_str(inside).unwrap_or_default());
        }
        self.events.send((event.clone(), time)).await.unwrap();
        tokio::time::timeout(PATIENCE, self.answers.recv()).await.expect("no answer").unwrap()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.log.assert_keeps_secret(&self.said);
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    let Some((event, time)) = runtime.events.lock().await.recv().await else {
        return Err(StatusCode::GONE);
    };
    let deadline = (SystemTime::now() + time).duration_since(UNIX_EPOCH).unwrap().as_millis();
    let headers = AppendHeaders([
        ("lambda-runtime-aws-request-id", "00000000-0000-0000-0000-000000000001".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned()),
    ]);
    Ok((headers, event.to_string()))
}

async fn answered(State(runtime): State<Arc<Runtime>>, body: String) -> StatusCode {
    let answer = serde_json::from_str(&body).unwrap_or_else(|_| json!(body));
    // The test may have ended.
    let _ = runtime.answers.send(answer).await;
    StatusCode::ACCEPTED
}

/// The environment of the stack's own process of this function, which is started if there is none.
pub(crate) async fn environment(stack: &Stack, name: &str) -> HashMap<String, String> {
    let mut warm = stack.connect("warm-up").await;
    warm.ask(json!({"action": "unsubscribe", "channel": "t:a"})).await;
    stack.call(Method::GET, "/v1/health", None, &[], None).await;
    warm.close().await;
    match name {
        "Deliver" => drop(stack.post(&json!({"to": "user:warm-up", "body": "x", "delay": "1s"})).await),
        "Attempt" => {
            stack.add_webhook("user:warm-up", "https://hooks.example.com/").await;
            stack.post(&json!({"to": "user:warm-up", "body": "x"})).await;
        }
        "Sweeper" => stack.sweep().await,
        "Poll" => drop(stack.call(Method::GET, "/v1/notifications", None, &[], None).await),
        "Page" => drop(stack.call(Method::GET, "/", None, &[], None).await),
        "Ingest" => {
            let (client, topic) = stack.inbound().await;
            client.publish().topic_arn(topic).message("x").send().await.unwrap();
        }
        "Share" => {
            let url = stack.queue_url("SharesQueue").await;
            let one =
                json!({"v": 1, "channel": "topic:warm-up", "seq": 1, "one": {"connection": "warm-up=", "tries": 3}});
            let message = json!({"QueueUrl": url, "MessageBody": one.to_string()});
            stack.aws_call("AmazonSQS.SendMessage", &message).await;
        }
        _ => {}
    }
    let environment = async || {
        let processes = stack.control(Method::GET, "processes", None).await;
        let process = processes.as_array().unwrap().iter().find(|p| p["function"] == name).cloned()?;
        serde_json::from_value::<Option<HashMap<String, String>>>(process["environment"].clone()).unwrap()
    };
    stack.until("the function has run", || async { environment().await.is_some() }).await;
    environment().await.unwrap()
}
