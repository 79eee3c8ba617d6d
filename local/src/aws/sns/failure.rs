//! Errors, in the words of SNS.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::{super::query, NAMESPACE};
use crate::{faults::Action, platforms::Unregistered, serve::Response, topics::Unpublished};

/// Why a request, or an entry of a batch, is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    code: String,
    message: String,
}

impl Failure {
    /// One of this code.
    pub(super) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// A parameter is wrong.
    pub(super) fn parameter(what: &str) -> Self {
        Self::new("InvalidParameter", format!("Invalid parameter: {what}"))
    }

    /// A message's attribute is wrong.
    pub(super) fn attribute(message: impl Into<String>) -> Self {
        Self::new("ParameterValueInvalid", message)
    }

    /// The topic is not there.
    pub(super) fn no_topic() -> Self {
        Self::new("NotFound", "Topic does not exist")
    }

    /// The endpoint is not there.
    pub(super) fn no_endpoint() -> Self {
        Self::from(Unregistered::NoEndpoint)
    }

    /// Nothing is sent to the endpoint.
    pub(super) fn disabled() -> Self {
        Self::new("EndpointDisabled", "Endpoint is disabled")
    }

    /// A change could not be kept.
    pub(super) fn unkept(error: std::io::Error) -> Self {
        Self::new("InternalError", error.to_string())
    }

    /// The answer to a whole request.
    pub(super) fn response(&self) -> Response {
        self.with_status(self.status())
    }

    fn status(&self) -> StatusCode {
        match self.code.as_str() {
            "AuthorizationError" => StatusCode::FORBIDDEN,
            "NotFound" => StatusCode::NOT_FOUND,
            "InternalError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn with_status(&self, status: StatusCode) -> Response {
        query::error(NAMESPACE, status, &self.code, &self.message)
    }

    /// What a batch says of an entry.
    pub(super) fn entry(&self, id: &str) -> Value {
        let theirs = !self.status().is_server_error();
        json!({ "Id": id, "Code": self.code, "Message": self.message, "SenderFault": theirs })
    }
}

impl From<Unpublished> for Failure {
    fn from(why: Unpublished) -> Self {
        match why {
            Unpublished::Fault(ref code) => Self::new(code, why.to_string()),
            Unpublished::Unkept(error) => Self::unkept(error),
        }
    }
}

impl From<Unregistered> for Failure {
    fn from(why: Unregistered) -> Self {
        match why {
            Unregistered::NoApplication | Unregistered::NoEndpoint => Self::new("NotFound", why.to_string()),
            Unregistered::Taken(_) => Self::parameter(&why.to_string()),
            Unregistered::Unkept(error) => Self::unkept(error),
        }
    }
}

/// What the policy forbids, in the words of SNS.
pub(crate) fn denied(why: &str) -> Response {
    Failure::new("AuthorizationError", why).response()
}

/// A fault, in the words of SNS.
pub(crate) fn refuse(action: &Action) -> Response {
    let asked = |code: &str| Failure::new(code, "A fault that was asked for");
    match action {
        Action::Error(code) => asked(code).response(),
        Action::Status(429) => Failure::new("Throttling", "Rate exceeded").response(),
        Action::Status(503) => asked("ServiceUnavailable").response(),
        Action::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let code = if status.is_server_error() { "InternalError" } else { "InvalidParameter" };
            asked(code).with_status(status)
        }
        _ => asked("InternalError").response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(response: &Response) -> (u16, &str) {
        (response.status().as_u16(), response.headers()["x-amzn-errortype"].to_str().expect("text"))
    }

    #[test]
    fn an_error_has_the_status_that_sns_gives_it() {
        assert_eq!(told(&Failure::no_topic().response()), (404, "NotFound"));
        assert_eq!(told(&Failure::parameter("Subject").response()), (400, "InvalidParameter"));
        assert_eq!(told(&denied("no")), (403, "AuthorizationError"));
        assert_eq!(Failure::from(Unpublished::Fault("InternalError".to_owned())).entry("a")["SenderFault"], false);
        assert_eq!(Failure::parameter("Subject").entry("a")["SenderFault"], true);
    }

    #[test]
    fn a_fault_is_worded_as_sns_would() {
        assert_eq!(told(&refuse(&Action::Status(429))), (400, "Throttling"));
        assert_eq!(told(&refuse(&Action::Error("AuthorizationError".to_owned()))), (403, "AuthorizationError"));
        assert_eq!(told(&refuse(&Action::Status(502))), (502, "InternalError"));
    }
}
