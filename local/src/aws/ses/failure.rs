//! Errors, in the words of SES.

use hyper::StatusCode;
use serde_json::json;

use super::super::wire::{JSON, error};
use crate::{faults::Action, serve::Response};

/// Why a request is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    name: String,
    message: String,
}

impl Failure {
    fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into() }
    }

    /// The request is wrong.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new("BadRequestException", message)
    }

    /// There is nothing at this path, or not with this method.
    pub(super) fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "the local stack serves no other operation of SES than SendEmail")
    }

    /// The answer.
    pub(super) fn response(&self) -> Response {
        let status = match self.name.as_str() {
            "AccessDeniedException" => StatusCode::FORBIDDEN,
            "NotFoundException" | "UnknownOperationException" => StatusCode::NOT_FOUND,
            "TooManyRequestsException" | "ThrottlingException" => StatusCode::TOO_MANY_REQUESTS,
            "InternalFailure" | "InternalServiceErrorException" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        self.with_status(status)
    }

    fn with_status(&self, status: StatusCode) -> Response {
        error(status, JSON, "", &self.name, &self.message, json!({}))
    }
}

/// What the policy forbids, in the words of SES.
pub(crate) fn denied(why: &str) -> Response {
    Failure::new("AccessDeniedException", why).response()
}

/// A fault, in the words of SES.
pub(crate) fn refuse(action: &Action) -> Response {
    let asked = |name: &str| Failure::new(name, "A fault that was asked for");
    match action {
        Action::Error(name) => asked(name).response(),
        Action::Status(429) => Failure::new("TooManyRequestsException", "Too many requests").response(),
        Action::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let name = if status.is_server_error() { "InternalFailure" } else { "BadRequestException" };
            asked(name).with_status(status)
        }
        _ => asked("InternalFailure").response(),
    }
}
