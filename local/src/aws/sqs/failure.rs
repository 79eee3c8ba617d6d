//! Errors, in the words of SQS: a name in the body, and in a header the code that it had before the service spoke JSON,
//! which SDKs still show.

use hyper::{StatusCode, header::HeaderValue};
use serde_json::{Value, json};

use super::super::wire::{self, JSON_1_0};
use crate::{faults::Action, serve::Response};

const SERVICE: &str = "com.amazonaws.sqs#";
const PLATFORM: &str = "com.amazon.coral.service#";

/// Why a request, or an entry of a batch, is not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    name: String,
    message: String,
}

impl Failure {
    /// One of this name.
    pub(super) fn new(name: &str, message: impl Into<String>) -> Self {
        Self { name: name.to_owned(), message: message.into() }
    }

    /// A parameter's value is wrong.
    pub(super) fn value(value: &Value, parameter: &str, reason: &str) -> Self {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
    }

    /// Something else about a parameter is wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValueException", message)
    }

    /// A parameter is not there.
    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}.");
        Self::new("MissingRequiredParameterException", message)
    }

    /// The queue is not there.
    pub(super) fn no_queue() -> Self {
        Self::new("QueueDoesNotExist", "The specified queue does not exist.")
    }

    /// It is not the caller's fault.
    pub(super) fn internal(error: &std::io::Error) -> Self {
        Self::new("InternalError", error.to_string())
    }

    /// The answer to a whole request.
    pub(super) fn response(&self) -> Response {
        let status = match self.name.as_str() {
            "AccessDeniedException" => StatusCode::FORBIDDEN,
            "InternalError" | "InternalFailure" => StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceUnavailable" => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        };
        self.with_status(status)
    }

    fn with_status(&self, status: StatusCode) -> Response {
        let prefix = if self.name.ends_with("Exception") { PLATFORM } else { SERVICE };
        let mut response = wire::error(status, JSON_1_0, prefix, &self.name, &self.message, json!({}));
        let fault = if status.is_server_error() { "Receiver" } else { "Sender" };
        if let Ok(error) = HeaderValue::from_str(&format!("{};{fault}", self.code())) {
            response.headers_mut().insert("x-amzn-query-error", error);
        }
        response
    }

    /// What a batch says of an entry.
    pub(super) fn entry(&self, id: &str) -> Value {
        let ours = self.name == "InternalError";
        json!({ "Id": id, "SenderFault": !ours, "Code": self.code(), "Message": self.message })
    }

    fn code(&self) -> String {
        match self.name.as_str() {
            "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
            "MissingRequiredParameterException" => "MissingParameter".to_owned(),
            "BatchEntryIdsNotDistinct"
            | "BatchRequestTooLong"
            | "EmptyBatchRequest"
            | "InvalidBatchEntryId"
            | "TooManyEntriesInBatchRequest" => format!("AWS.SimpleQueueService.{}", self.name),
            name => name.strip_suffix("Exception").unwrap_or(name).to_owned(),
        }
    }
}

/// What the policy forbids, in the words of SQS.
pub(crate) fn denied(why: &str) -> Response {
    Failure::new("AccessDeniedException", why).response()
}

/// A fault, in the words of SQS.
pub(crate) fn refuse(action: &Action) -> Response {
    let asked = |name: &str| Failure::new(name, "A fault that was asked for");
    match action {
        Action::Error(name) => asked(name).response(),
        Action::Status(429) => Failure::new("RequestThrottled", "Request is throttled.").response(),
        Action::Status(503) => asked("ServiceUnavailable").response(),
        Action::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let failure = if status.is_server_error() { asked("InternalError") } else { Failure::invalid("A fault") };
            failure.with_status(status)
        }
        _ => asked("InternalError").response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(response: &Response) -> (u16, &str, &str) {
        let header = |name: &str| response.headers()[name].to_str().expect("text");
        (response.status().as_u16(), header("x-amzn-errortype"), header("x-amzn-query-error"))
    }

    #[test]
    fn an_error_has_its_name_and_the_code_that_it_had_before() {
        let code = "AWS.SimpleQueueService.NonExistentQueue;Sender";
        assert_eq!(told(&Failure::no_queue().response()), (400, "QueueDoesNotExist", code));
        let value = Failure::value(&json!(901), "DelaySeconds", "It is too long.");
        let name = "InvalidParameterValueException";
        assert_eq!(told(&value.response()), (400, name, "InvalidParameterValue;Sender"));
        assert_eq!(value.entry("a")["Code"], "InvalidParameterValue");
        assert_eq!(told(&denied("no")), (403, "AccessDeniedException", "AccessDenied;Sender"));
    }

    #[test]
    fn a_fault_is_worded_as_sqs_would() {
        let throttled = (400, "RequestThrottled", "RequestThrottled;Sender");
        assert_eq!(told(&refuse(&Action::Status(429))), throttled);
        assert_eq!(told(&refuse(&Action::Error("RequestThrottled".to_owned()))), throttled);
        assert_eq!(told(&refuse(&Action::Status(500))), (500, "InternalError", "InternalError;Receiver"));
        assert_eq!(told(&refuse(&Action::Status(502))), (502, "InternalError", "InternalError;Receiver"));
    }
}
