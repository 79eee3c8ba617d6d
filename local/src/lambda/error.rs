use serde_json::{Value, json};

/// The error of an invocation, as Lambda writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub(crate) struct FunctionError {
    /// Such as `Runtime.ExitError`, or the function's own type.
    pub(crate) kind: String,
    /// The text for people.
    pub(crate) message: String,
}

impl FunctionError {
    /// An error of Lambda's own.
    pub(crate) fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into() }
    }

    /// Reads the body that a runtime posts to `/error`.
    pub(crate) fn from_runtime(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_else(|_| json!({}));
        let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
        Self { kind: text("errorType"), message: text("errorMessage") }
    }
}
