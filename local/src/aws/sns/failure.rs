//! The errors of SNS.

use hyper::StatusCode;

use super::super::protocol::{Errors, Failure, query};
use crate::{platforms::Unregistered, topics::Unpublished};

/// The namespace of the answers.
pub(super) const NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";

/// The errors of SNS.
pub(crate) const ERRORS: Errors = Errors {
    statuses: &[
        ("AuthorizationError", StatusCode::FORBIDDEN),
        ("NotFound", StatusCode::NOT_FOUND),
        ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
        ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
        ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
    ],
    denied: "AuthorizationError",
    throttled: ("Throttling", "Rate exceeded"),
    unavailable: Some("ServiceUnavailable"),
    invalid: "InvalidParameter",
    internal: "InternalError",
    code: str::to_owned,
    write: |status, failure| query::error(NAMESPACE, status, &failure.name, &failure.message),
};

impl Failure {
    /// A wrong parameter.
    pub(super) fn parameter(what: &str) -> Self {
        Self::new("InvalidParameter", format!("Invalid parameter: {what}"))
    }

    /// A wrong attribute of a message.
    pub(super) fn attribute(message: impl Into<String>) -> Self {
        Self::new("ParameterValueInvalid", message)
    }

    /// A topic that does not exist.
    pub(super) fn no_topic() -> Self {
        Self::new("NotFound", "Topic does not exist")
    }

    /// An endpoint that does not exist.
    pub(super) fn no_endpoint() -> Self {
        Self::from(Unregistered::NoEndpoint)
    }

    /// An endpoint that is disabled.
    pub(super) fn disabled() -> Self {
        Self::new("EndpointDisabled", "Endpoint is disabled")
    }
}

impl From<Unpublished> for Failure {
    fn from(why: Unpublished) -> Self {
        match why {
            Unpublished::Fault(ref code) => Self::new(code, why.to_string()),
            Unpublished::Unkept(error) => Self::internal(&error),
        }
    }
}

impl From<Unregistered> for Failure {
    fn from(why: Unregistered) -> Self {
        match why {
            Unregistered::NoApplication | Unregistered::NoEndpoint => Self::new("NotFound", why.to_string()),
            Unregistered::Taken(_) => Self::parameter(&why.to_string()),
            Unregistered::Unkept(error) => Self::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{faults::Action, serve::Response};

    fn told(response: &Response) -> (u16, &str) {
        (response.status().as_u16(), response.headers()["x-amzn-errortype"].to_str().expect("text"))
    }

    #[test]
    fn an_error_has_the_status_that_sns_gives_it() {
        assert_eq!(told(&ERRORS.response(&Failure::no_topic())), (404, "NotFound"));
        assert_eq!(told(&ERRORS.response(&Failure::parameter("Subject"))), (400, "InvalidParameter"));
        assert_eq!(told(&ERRORS.denied("no")), (403, "AuthorizationError"));
        assert_eq!(ERRORS.entry("a", &Unpublished::Fault("InternalError".to_owned()).into())["SenderFault"], false);
        assert_eq!(ERRORS.entry("a", &Failure::parameter("Subject"))["SenderFault"], true);
    }

    #[test]
    fn a_fault_is_worded_as_sns_would() {
        assert_eq!(told(&ERRORS.fault(&Action::Status(429))), (400, "Throttling"));
        assert_eq!(told(&ERRORS.fault(&Action::Error("AuthorizationError".to_owned()))), (403, "AuthorizationError"));
        assert_eq!(told(&ERRORS.fault(&Action::Status(502))), (502, "InternalError"));
    }
}
