//! The Lambda Runtime API for one process: it asks for the next event, and posts a response or an error.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use hyper::{Method, StatusCode, header::HeaderValue};
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};
use uuid::Uuid;

use super::FunctionError;
use crate::{
    clock::Clock,
    serve::{Answer, Hangup, Request, Response, json as json_response, read_body, response},
};

/// Lambda's limit for a synchronous request or response.
pub(crate) const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// A response that is longer than this is cut off while it is read.
const DRAIN_LIMIT: usize = 16 * PAYLOAD_LIMIT;

const VERSION: &str = "/2018-06-01/runtime/";

/// The result of an invocation.
pub(crate) type Outcome = Result<Bytes, FunctionError>;

/// An invocation's input.
#[derive(Debug)]
pub(super) struct Invocation {
    /// The request's id.
    pub(super) id: String,
    /// The event, in JSON.
    pub(super) event: Bytes,
}

/// The events and answers between one process and the pool that owns it.
#[derive(Debug)]
pub(crate) struct Mailbox {
    arn: String,
    /// The time in which the process reads its deadlines.
    clock: Arc<Clock>,
    /// Events on their way to the process, with their deadlines.
    sender: mpsc::UnboundedSender<(Invocation, Timestamp)>,
    receiver: AsyncMutex<mpsc::UnboundedReceiver<(Invocation, Timestamp)>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    /// The number of times that the process has asked for an event.
    asked: watch::Sender<u64>,
    init_error: Mutex<Option<FunctionError>>,
}

impl Mailbox {
    /// An empty mailbox for a process of the function with this ARN, under this clock.
    pub(crate) fn new(arn: String, clock: Arc<Clock>) -> Arc<Self> {
        let (sender, receiver) = mpsc::unbounded_channel();
        Arc::new(Self {
            arn,
            clock,
            sender,
            receiver: AsyncMutex::new(receiver),
            current: Mutex::default(),
            asked: watch::Sender::new(0),
            init_error: Mutex::default(),
        })
    }

    /// Hands the process an event; the receiver gets the outcome.
    pub(crate) fn hand(&self, invocation: Invocation, timeout: Duration) -> oneshot::Receiver<Outcome> {
        let (sender, receiver) = oneshot::channel();
        *self.lock_current() = Some((invocation.id.clone(), sender));
        // The receiving half lives in this very mailbox, so sending cannot fail.
        let _ = self.sender.send((invocation, self.clock.now() + timeout));
        receiver
    }

    /// Whether the process has answered every event.
    pub(crate) fn is_answered(&self) -> bool {
        self.lock_current().is_none()
    }

    /// Waits until the process has asked for its `count`th event, which makes it idle.
    pub(crate) async fn asked(&self, count: u64) {
        let _ = self.asked.subscribe().wait_for(|asked| *asked >= count).await;
    }

    /// The error that the process reported before it gave up starting.
    pub(crate) fn init_error(&self) -> Option<FunctionError> {
        self.init_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock_current(&self) -> std::sync::MutexGuard<'_, Option<(String, oneshot::Sender<Outcome>)>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request of the process.
    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Answer {
        let path = request.uri().path().strip_prefix(VERSION).unwrap_or_default().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "invocation/next") => self.next().await,
            (&Method::POST, "init/error") => {
                let body = read_body(request.into_body(), PAYLOAD_LIMIT).await.map_err(|_| Hangup)?;
                let error = FunctionError::from_runtime(&body);
                *self.init_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Ok(accepted())
            }
            (&Method::POST, path) => match path.strip_prefix("invocation/").and_then(|rest| rest.split_once('/')) {
                Some((id, "response")) => self.finish(id, request, Ok).await,
                Some((id, "error")) => self.finish(id, request, |body| Err(FunctionError::from_runtime(&body))).await,
                _ => Ok(refused(StatusCode::NOT_FOUND, "InvalidPath")),
            },
            _ => Ok(refused(StatusCode::NOT_FOUND, "InvalidPath")),
        }
    }

    async fn next(&self) -> Answer {
        self.asked.send_modify(|asked| *asked += 1);
        let (Invocation { id, event }, deadline) = self.receiver.lock().await.recv().await.ok_or(Hangup)?;
        let mut response = response(StatusCode::OK, "application/json", event);
        let headers = [
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", deadline.as_millisecond().to_string()),
            ("lambda-runtime-invoked-function-arn", self.arn.clone()),
            ("lambda-runtime-trace-id", trace_id()),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        Ok(response)
    }

    async fn finish(&self, id: &str, request: Request, outcome: impl FnOnce(Bytes) -> Outcome) -> Answer {
        // Read to its end even if it is too long, so that the runtime gets the answer.
        let body = read_body(request.into_body(), DRAIN_LIMIT).await.map_err(|_| Hangup)?;
        let Some((_, sender)) = self.lock_current().take_if(|(current, _)| current == id) else {
            return Ok(refused(StatusCode::BAD_REQUEST, "InvalidRequestID"));
        };
        let (outcome, answer) = if body.len() <= PAYLOAD_LIMIT {
            (outcome(body), accepted())
        } else {
            let message =
                format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
            let error = FunctionError::new("Function.ResponseSizeTooLarge", message);
            (Err(error), refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"))
        };
        // The caller may have left: the invocation has then timed out.
        let _ = sender.send(outcome);
        Ok(answer)
    }
}

fn accepted() -> Response {
    json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refused(status: StatusCode, kind: &str) -> Response {
    json_response(status, &json!({ "errorType": kind, "errorMessage": kind }))
}

fn trace_id() -> String {
    let random = Uuid::now_v7().simple().to_string();
    format!("Root=1-{:08x}-{};Sampled=0", Timestamp::now().as_second(), &random[8..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_is_told_in_the_time_that_the_process_lives_in() {
        // Any file will do: no process is started here.
        let library = std::env::current_exe().expect("this program");
        let clock = Arc::new(Clock::open(Some(&library), None).expect("a clock"));
        clock.set(3_600_000).expect("it can be set");
        let mailbox = Mailbox::new(String::new(), Arc::clone(&clock));
        let _outcome = mailbox.hand(Invocation { id: String::new(), event: Bytes::new() }, Duration::from_secs(3));
        let (_, deadline) = mailbox.receiver.lock().await.recv().await.expect("an event");
        let left = deadline.duration_since(clock.now());
        assert!((2..=3).contains(&left.as_secs()), "{left}");
        clock.close();
    }
}
