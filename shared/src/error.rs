//! The failures of a use case.

use std::error::Error as _;
use std::fmt::Write as _;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use domain::refusal::{Code, Refusal};
use domain::wording::{self, Wrong};
use kinds::settings::InvalidSetting;

/// A use case that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer says why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A service behind us failed. The answer asks to try again; the cause goes to the log, once, where the error is
    /// turned into an answer.
    #[error("{call}: {cause}")]
    Failed {
        /// The call.
        call: &'static str,
        /// The cause.
        cause: String,
    },
    /// A row or message that this release cannot read: a later one has written it, or nobody who should.
    #[error("unreadable: {0}")]
    Unreadable(String),
    /// The function's time ran out before the work was done.
    #[error("the function's time ran out")]
    TimeUp,
}

impl Error {
    /// A failed call of an AWS service. Keeps its code and message, never its payload: that may hold what users wrote.
    pub fn call<E, R>(call: &'static str) -> impl FnOnce(SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: std::fmt::Debug,
    {
        move |error| {
            let cause = match error.as_service_error() {
                Some(service) => {
                    format!("{}: {}", service.code().unwrap_or("no code"), service.message().unwrap_or("no message"))
                }
                None => chain(&error),
            };
            Self::Failed { call, cause }
        }
    }

    /// An error of serde about a row or message, without the values in it: they may be a user's words, and the error goes to the log.
    pub(crate) fn unreadable(error: &impl std::fmt::Display) -> Self {
        let says = error.to_string();
        let Wrong { field, reason } = wording::wrong(&says);
        let missing = field.filter(|_| says.starts_with("missing field `"));
        Self::Unreadable(missing.map_or(reason.clone(), |field| format!("`{field}` {reason}")))
    }

    /// Whether it is that others keep writing to the same channel.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.code == Code::ChannelBusy)
    }

    /// The refusal that the caller gets.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            Self::Failed { .. } | Self::Unreadable(_) => {
                Refusal::new(Code::Unavailable, "a service behind this API did not answer as it should; try again")
            }
            Self::TimeUp => Refusal::new(
                Code::Unavailable,
                "time ran out before all was done; try again, under the same key if there is one",
            ),
        }
    }

    /// Logs what the operator has to know: failures, not refusals.
    pub fn log(&self) {
        if !matches!(self, Self::Refused(_)) {
            tracing::error!("{self}");
        }
    }
}

impl From<InvalidSetting> for Error {
    fn from(invalid: InvalidSetting) -> Self {
        Self::Failed { call: "read the settings", cause: invalid.to_string() }
    }
}

impl From<kinds::Failed> for Error {
    fn from(failed: kinds::Failed) -> Self {
        Self::Failed { call: failed.call, cause: failed.cause }
    }
}

fn chain<E, R>(error: &SdkError<E, R>) -> String
where
    E: std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[allow(dead_code, reason = "only its reading is tested")]
        seq: u64,
    }

    #[test]
    fn of_what_cannot_be_read_no_log_has_a_part() {
        for (text, says) in [
            (r#"{"seq": "a secret of theirs"}"#, "unreadable: give a whole number, 0 or more"),
            (r#"{"a secret of theirs": 1}"#, "unreadable: is not a field of this request; there is `seq`"),
            ("{}", "unreadable: `seq` is required"),
        ] {
            let error = serde_json::from_str::<Row>(text).unwrap_err();
            assert_eq!(Error::unreadable(&error).to_string(), says, "{text}");
        }
    }
}
