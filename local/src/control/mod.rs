//! The control API under `/_local`: the record of calls, the state of each service, and faults on demand.

use std::{sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, StatusCode,
    body::Bytes,
    header::{CONTENT_SECURITY_POLICY, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    aws::Database,
    clock::Clock,
    events::Asynchronous,
    faults::{Faults, Journal},
    lambda::Lambda,
    outbox::Outbox,
    queues::Queues,
    schedules::Schedules,
    serve::{
        Answer, Hangup, IdleCloser, Request, Response,
        guard::{self, CONTROL_HEADER},
        json as json_response, read_body, response,
    },
    topics::Topics,
    websocket::{Registry, decode_id},
};

/// The prefix of the control API's paths.
pub(crate) const PREFIX: &str = "/_local/";

const RULE_LIMIT: usize = 64 * 1024;

/// The parts that the control API shows and changes.
#[derive(Debug)]
pub(crate) struct Control {
    /// The calls so far.
    pub(crate) journal: Arc<Journal>,
    /// The rules that are armed.
    pub(crate) faults: Arc<Faults>,
    /// The functions.
    pub(crate) lambda: Arc<Lambda>,
    /// The live WebSockets.
    pub(crate) registry: Arc<Registry>,
    /// The tables.
    pub(crate) database: Arc<Database>,
    /// The queues.
    pub(crate) queues: Arc<Queues>,
    /// The topics.
    pub(crate) topics: Arc<Topics>,
    /// The messages to phones and addresses.
    pub(crate) outbox: Arc<Outbox>,
    /// The asynchronous events.
    pub(crate) asynchronous: Arc<Asynchronous>,
    /// The rules that fire on schedule.
    pub(crate) schedules: Arc<Schedules>,
    /// The functions' time.
    pub(crate) clock: Arc<Clock>,
    /// Closes idle connections.
    pub(crate) closer: IdleCloser,
}

impl Control {
    /// Answers a request under [`PREFIX`].
    pub(crate) async fn answer(&self, request: Request) -> Answer {
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
        if request.method() != Method::GET && !request.headers().contains_key(&CONTROL_HEADER) {
            return Ok(guard::no_header());
        }
        let answer = match (request.method(), path.as_str()) {
            (&Method::GET, "calls") => ok(&json!(self.journal.calls())),
            (&Method::DELETE, "calls") => done(|| self.journal.reset()),
            (&Method::GET, "connections") => ok(&self.connections()),
            (&Method::GET, "processes") => ok(&self.lambda.describe()),
            (&Method::GET, "sockets") => ok(&self.registry.describe()),
            (&Method::GET, "queues") => ok(&self.queues.describe()),
            (&Method::GET, "topics") => ok(&self.topics.describe()),
            (&Method::GET, "outbox") => ok(&self.outbox.describe()),
            (&Method::GET, "outbox.html") => page(self.outbox.page()),
            (&Method::DELETE, "outbox") => done(|| self.outbox.clear()),
            (&Method::GET, "events") => ok(&self.asynchronous.describe()),
            (&Method::POST, "events/retry") => ok(&json!({ "retried": self.asynchronous.hurry() })),
            (&Method::GET, "faults") => ok(&self.faults.describe()),
            (&Method::DELETE, "faults") => done(|| self.faults.clear()),
            (&Method::POST, "faults") => self.add_fault(request).await?,
            (&Method::POST, "sweep") => self.sweep().await,
            (&Method::POST, "drop-idle") => done(|| self.closer.close_idle()),
            (&Method::GET, "schedules") => ok(&self.schedules.describe()),
            (&Method::GET, "clock") => ok(&json!({ "ahead_ms": self.clock.ahead_ms() })),
            (&Method::POST, "clock") => self.set_clock(request).await?,
            (&Method::POST, path) if path.starts_with("schedules/") => self.schedule(path).await,
            (&Method::POST, path) if path.starts_with("queues/") => self.advance(path, request).await?,
            (&Method::POST, path) => self.vanish(path),
            _ => not_found(&path),
        };
        Ok(answer)
    }

    fn connections(&self) -> Value {
        let count = |service: &str| self.journal.connections(service);
        json!({
            "dynamodb": count("dynamodb"),
            "secretsmanager": count("secretsmanager"),
            "ses": count("ses"),
            "sns": count("sns"),
            "sqs": count("sqs"),
            "management": count("management"),
        })
    }

    async fn add_fault(&self, request: Request) -> Answer {
        let body = read_body(request.into_body(), RULE_LIMIT).await.map_err(|_| Hangup)?;
        let rule = serde_json::from_slice(&body).map_err(|error| error.to_string());
        Ok(match rule.and_then(|rule: Value| self.faults.add(&rule)) {
            Ok(rule) => json_response(StatusCode::CREATED, &rule),
            Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({ "error": error })),
        })
    }

    async fn set_clock(&self, request: Request) -> Answer {
        let body = read_body(request.into_body(), RULE_LIMIT).await.map_err(|_| Hangup)?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let ahead = body["ahead_ms"].as_i64().ok_or_else(|| "give {\"ahead_ms\": a whole number}".to_owned());
        Ok(match ahead.and_then(|ahead| self.clock.set(ahead).map(|()| ahead)) {
            Ok(ahead) => ok(&json!({ "ahead_ms": ahead })),
            Err(error) => json_response(StatusCode::BAD_REQUEST, &json!({ "error": error })),
        })
    }

    async fn schedule(&self, path: &str) -> Response {
        match path.split('/').collect::<Vec<_>>()[..] {
            ["schedules", name, "fire"] => match self.schedules.fire(name).await {
                Some(Ok(())) => ok(&json!({ "ok": true })),
                Some(Err(error)) => ok(&json!({ "ok": false, "error": error.to_string() })),
                None => not_found(path),
            },
            ["schedules", name, "enable"] if self.schedules.switch(name, true) => done(|| ()),
            ["schedules", name, "disable"] if self.schedules.switch(name, false) => done(|| ()),
            _ => not_found(path),
        }
    }

    async fn advance(&self, path: &str, request: Request) -> Answer {
        let ["queues", name, "advance"] = path.split('/').collect::<Vec<_>>()[..] else { return Ok(not_found(path)) };
        let body = read_body(request.into_body(), RULE_LIMIT).await.map_err(|_| Hangup)?;
        let sooner: Sooner = match serde_json::from_slice(&body) {
            Ok(sooner) => sooner,
            Err(error) => return Ok(json_response(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }))),
        };
        Ok(match self.queues.advance(name, Duration::from_secs(sooner.seconds), sooner.in_flight) {
            Ok(Some(moved)) => ok(&json!({ "moved": moved })),
            Ok(None) => not_found(path),
            Err(error) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error.to_string() })),
        })
    }

    async fn sweep(&self) -> Response {
        match self.database.sweep().await {
            Ok(deleted) => ok(&json!({ "deleted": deleted })),
            Err(error) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "error": error })),
        }
    }

    fn vanish(&self, path: &str) -> Response {
        let id = path.strip_prefix("sockets/").and_then(|rest| rest.strip_suffix("/vanish"));
        match id.map(|id| self.registry.vanish(&decode_id(id))) {
            Some(true) => done(|| ()),
            _ => not_found(path),
        }
    }
}

/// The time by which a queue's messages come sooner.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sooner {
    seconds: u64,
    /// Whether the messages in flight come sooner too.
    #[serde(default)]
    in_flight: bool,
}

/// A page for which a browser loads nothing and runs no script.
fn page(html: String) -> Response {
    let mut page = response(StatusCode::OK, "text/html; charset=utf-8", html);
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    page.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    page
}

fn ok(body: &Value) -> Response {
    json_response(StatusCode::OK, body)
}

fn done(action: impl FnOnce()) -> Response {
    action();
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

fn not_found(path: &str) -> Response {
    json_response(
        StatusCode::NOT_FOUND,
        &json!({ "error": format!("there is no {PREFIX}{path}; see local/README.md") }),
    )
}
