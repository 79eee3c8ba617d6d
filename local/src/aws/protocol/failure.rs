//! Errors: their names, their statuses, and the service's way to write them.

use hyper::StatusCode;
use serde_json::{Value, json};

use crate::{faults::Action, serve::Response};

/// The message of an error that a fault causes.
pub(crate) const FAULT: &str = "A fault that was asked for";

/// The refusal of a request, or of one entry of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The error's name.
    pub(crate) name: String,
    /// The text for people.
    pub(crate) message: String,
}

impl Failure {
    /// A refusal of this name.
    pub(crate) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into() }
    }

    /// A change that could not be kept.
    pub(crate) fn internal(error: &std::io::Error) -> Self {
        Self::new("InternalError", error.to_string())
    }
}

/// The errors of a service.
#[derive(Debug)]
pub(crate) struct Errors {
    /// The statuses of errors by name; any other error has status 400.
    pub(crate) statuses: &'static [(&'static str, StatusCode)],
    /// The error for what a policy does not allow.
    pub(crate) denied: &'static str,
    /// The error for too many requests, and its message.
    pub(crate) throttled: (&'static str, &'static str),
    /// The error for status 503, if it has a name of its own.
    pub(crate) unavailable: Option<&'static str>,
    /// The error for any other status below 500.
    pub(crate) invalid: &'static str,
    /// The error for any other status, and for a failure inside the service.
    pub(crate) internal: &'static str,
    /// The code that a batch names an error by.
    pub(crate) code: fn(&str) -> String,
    /// Writes an error.
    pub(crate) write: fn(StatusCode, &Failure) -> Response,
}

impl Errors {
    /// The answer to a whole request.
    pub(crate) fn response(&self, failure: &Failure) -> Response {
        (self.write)(self.status(&failure.name), failure)
    }

    fn status(&self, name: &str) -> StatusCode {
        let known = self.statuses.iter().find(|(known, _)| *known == name);
        known.map_or(StatusCode::BAD_REQUEST, |(_, status)| *status)
    }

    /// A batch's line about the entry of this id.
    pub(crate) fn entry(&self, id: &str, failure: &Failure) -> Value {
        let is_the_callers = !self.status(&failure.name).is_server_error();
        let code = (self.code)(&failure.name);
        json!({ "Id": id, "Code": code, "Message": failure.message, "SenderFault": is_the_callers })
    }

    /// The answer to a call that the policy does not allow.
    pub(crate) fn denied(&self, why: &str) -> Response {
        self.response(&Failure::new(self.denied, why))
    }

    /// The answer that a fault asks for.
    pub(crate) fn fault(&self, action: &Action) -> Response {
        let named = |name: &str| self.response(&Failure::new(name, FAULT));
        match (action, self.unavailable) {
            (Action::Error(name), _) => named(name),
            (Action::Status(429), _) => self.response(&Failure::new(self.throttled.0, self.throttled.1)),
            (Action::Status(503), Some(unavailable)) => named(unavailable),
            (Action::Status(status), _) => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let name = if status.is_server_error() { self.internal } else { self.invalid };
                (self.write)(status, &Failure::new(name, FAULT))
            }
            _ => named(self.internal),
        }
    }
}
