//! Lambda's Runtime API, for one function that a bench runs.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The time that an invocation has, in milliseconds.
const TIME: i64 = 900_000;

/// The Runtime API of one function.
pub struct Runtime {
    address: String,
    asked: UnboundedReceiver<Instant>,
    events: UnboundedSender<Value>,
    answers: UnboundedReceiver<Value>,
}

struct Served {
    asked: UnboundedSender<Instant>,
    events: Mutex<UnboundedReceiver<Value>>,
    answers: UnboundedSender<Value>,
}

impl Runtime {
    /// Listens on loopback.
    pub async fn start() -> Self {
        let (asking, asked) = unbounded_channel();
        let (events, waiting) = unbounded_channel();
        let (answering, answers) = unbounded_channel();
        let served = Arc::new(Served { asked: asking, events: Mutex::new(waiting), answers: answering });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(take))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(take))
            .with_state(served);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, asked, events, answers }
    }

    /// The environment that Lambda gives to a function of this name.
    pub fn environment(&self, name: &str) -> Vec<(&'static str, String)> {
        let credentials = [("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
        let mut environment: Vec<_> = credentials.map(|(key, value)| (key, value.to_owned())).into();
        environment.extend([
            ("AWS_SESSION_TOKEN", "t".repeat(400)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", self.address.clone()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512".to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", name.to_owned()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", name.to_owned()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ]);
        environment
    }

    /// When the function asked for work.
    pub async fn asked(&mut self) -> Instant {
        self.asked.recv().await.unwrap()
    }

    /// Gives it an event, and waits for what it answers.
    pub async fn invoke(&mut self, event: Value) -> Value {
        self.events.send(event).unwrap();
        self.answers.recv().await.unwrap()
    }
}

async fn next(State(served): State<Arc<Served>>) -> Response {
    let _ = served.asked.send(Instant::now());
    let Some(event) = served.events.lock().await.recv().await else { return std::future::pending().await };
    let deadline = jiff::Timestamp::now().as_millisecond() + TIME;
    let headers = [
        ("lambda-runtime-aws-request-id", "00000000-0000-0000-0000-000000000001".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned()),
    ];
    (headers, event.to_string()).into_response()
}

async fn take(State(served): State<Arc<Served>>, body: String) -> StatusCode {
    // The bench may have ended.
    let _ = served.answers.send(serde_json::from_str(&body).unwrap_or(Value::String(body)));
    StatusCode::ACCEPTED
}

/// Has npm install what a folder's lock file names; `false`, loudly, where that cannot be done.
pub fn has_node(folder: &Path) -> bool {
    let install = Command::new("npm").args(["ci", "--silent", "--no-audit"]).current_dir(folder).status();
    let has_node = install.is_ok_and(|status| status.success());
    if !has_node {
        eprintln!("SKIPPED: Node.js, since npm could not install what is to be measured of it");
    }
    has_node
}
