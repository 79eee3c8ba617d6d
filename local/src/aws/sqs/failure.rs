//! The errors of SQS: a name in the body, and in a header the code that the error had before the service spoke JSON, which
//! SDKs still show.

use hyper::{StatusCode, header::HeaderValue};
use serde_json::{Value, json};

use super::super::protocol::{
    Errors, Failure,
    json::{JSON_1_0, error},
};
use crate::serve::Response;

const SERVICE: &str = "com.amazonaws.sqs#";
const PLATFORM: &str = "com.amazon.coral.service#";

/// The errors of SQS.
pub(crate) const ERRORS: Errors = Errors {
    statuses: &[
        ("AccessDeniedException", StatusCode::FORBIDDEN),
        ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
        ("InternalFailure", StatusCode::INTERNAL_SERVER_ERROR),
        ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
    ],
    denied: "AccessDeniedException",
    throttled: ("RequestThrottled", "Request is throttled."),
    unavailable: Some("ServiceUnavailable"),
    invalid: "InvalidParameterValueException",
    internal: "InternalError",
    code,
    write,
};

fn write(status: StatusCode, Failure { name, message }: &Failure) -> Response {
    let prefix = if name.ends_with("Exception") { PLATFORM } else { SERVICE };
    let mut response = error(status, JSON_1_0, prefix, name, message, json!({}));
    let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    if let Ok(error) = HeaderValue::from_str(&format!("{};{fault}", code(name))) {
        response.headers_mut().insert("x-amzn-query-error", error);
    }
    response
}

fn code(name: &str) -> String {
    match name {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "MissingRequiredParameterException" => "MissingParameter".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "TooManyEntriesInBatchRequest" => format!("AWS.SimpleQueueService.{name}"),
        name => name.strip_suffix("Exception").unwrap_or(name).to_owned(),
    }
}

impl Failure {
    /// A wrong value of a parameter.
    pub(super) fn value(value: &Value, parameter: &str, reason: &str) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
    }

    /// Any other wrong parameter.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", message)
    }

    /// A missing parameter.
    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}.");
        Self::new("MissingRequiredParameterException", message)
    }

    /// A queue that does not exist.
    pub(super) fn no_queue() -> Self {
        Self::new("QueueDoesNotExist", "The specified queue does not exist.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Action;

    fn told(response: &Response) -> (u16, &str, &str) {
        let header = |name: &str| response.headers()[name].to_str().expect("text");
        (response.status().as_u16(), header("x-amzn-errortype"), header("x-amzn-query-error"))
    }

    #[test]
    fn an_error_has_its_name_and_the_code_that_it_had_before() {
        let code = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        assert_eq!(told(&ERRORS.response(&Failure::no_queue())), (400, "QueueDoesNotExist", code));
        let value = Failure::value(&json!(901), "DelaySeconds", "It is too long.");
        let name = "InvalidParameterValueException";
        assert_eq!(told(&ERRORS.response(&value)), (400, name, "InvalidParameterValue;Sender"));
        assert_eq!(ERRORS.entry("a", &value)["Code"], "InvalidParameterValue");
        assert_eq!(told(&ERRORS.denied("no")), (403, "AccessDeniedException", "AccessDenied;Sender"));
    }

    #[test]
    fn a_fault_is_worded_as_sqs_would() {
        let throttled = (400, "RequestThrottled", "RequestThrottled;Sender");
        assert_eq!(told(&ERRORS.fault(&Action::Status(429))), throttled);
        assert_eq!(told(&ERRORS.fault(&Action::Error("RequestThrottled".to_owned()))), throttled);
        assert_eq!(told(&ERRORS.fault(&Action::Status(500))), (500, "InternalError", "InternalError;Receiver"));
        assert_eq!(told(&ERRORS.fault(&Action::Status(502))), (502, "InternalError", "InternalError;Receiver"));
    }
}
