//! The errors of SES.

use hyper::StatusCode;
use serde_json::json;

use super::super::protocol::{
    Errors, Failure,
    json::{JSON, error},
};

/// The errors of SES.
pub(crate) const ERRORS: Errors = Errors {
    statuses: &[
        ("AccessDeniedException", StatusCode::FORBIDDEN),
        ("NotFoundException", StatusCode::NOT_FOUND),
        ("UnknownOperationException", StatusCode::NOT_FOUND),
        ("TooManyRequestsException", StatusCode::TOO_MANY_REQUESTS),
        ("ThrottlingException", StatusCode::TOO_MANY_REQUESTS),
        ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
        ("InternalServiceErrorException", StatusCode::INTERNAL_SERVER_ERROR),
        ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
    ],
    denied: "AccessDeniedException",
    throttled: ("TooManyRequestsException", "Too many requests"),
    unavailable: None,
    invalid: "BadRequestException",
    internal: "InternalFailure",
    code: str::to_owned,
    write: |status, failure| error(status, JSON, "", &failure.name, &failure.message, json!({})),
};

impl Failure {
    /// A request that is wrong.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new("BadRequestException", message)
    }

    /// A path that SES does not serve, or a method that the path does not take.
    pub(super) fn unknown_operation() -> Self {
        Self::new("UnknownOperationException", "the local stack serves no other operation of SES than SendEmail")
    }
}
