//! The result of handing a notification to a service that passes it on: SNS, SES.

use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use crate::error::Error;

/// Longer than for other services: who gives up on a call that succeeds a moment later sends twice.
const CALL: Duration = Duration::from_secs(10);

/// The result. Of an error it keeps AWS's code only: the text may repeat the receiver and the notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderResult {
    /// The service has taken it.
    Taken,
    /// There is nobody there any more: the endpoint can be removed.
    Gone {
        /// AWS's code.
        code: String,
    },
    /// Not now: too much at once, no answer, a service or an account that somebody has to mend. It may have been taken all
    /// the same, where no answer came.
    Later {
        /// AWS's code, or the failure of the call.
        code: String,
    },
    /// Never in this form.
    Refused {
        /// AWS's code.
        code: String,
    },
}

/// No retries of the SDK's own: an attempt is one call, so that it counts once, takes once from the day's cap, and is seen.
/// The delivery is tried again, on a schedule.
pub(super) fn retries() -> RetryConfig {
    RetryConfig::disabled()
}

pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(CALL)
        .operation_timeout(CALL)
        .build()
}

/// Sorts a call that failed: what `is_gone` knows, what has one of the codes `refused`, and the rest.
///
/// # Errors
/// There was no call, because of a mistake of ours.
pub(super) fn failed<E, R>(
    call: &'static str,
    error: SdkError<E, R>,
    is_gone: impl Fn(&E) -> bool,
    refused: &[&str],
) -> Result<ProviderResult, Error>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let code = match &error {
        SdkError::ConstructionFailure(_) => return Err(Error::call(call)(error)),
        SdkError::TimeoutError(_) => "Timeout",
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "Timeout",
        SdkError::DispatchFailure(_) => "ConnectionFailed",
        SdkError::ServiceError(answer) => answer.err().code().unwrap_or("UnknownError"),
        _ => "UnreadableAnswer",
    };
    let code = code.to_owned();
    let service = error.as_service_error();
    Ok(match service {
        Some(service) if is_gone(service) => ProviderResult::Gone { code },
        Some(_) if refused.contains(&code.as_str()) => ProviderResult::Refused { code },
        _ => ProviderResult::Later { code },
    })
}
