//! Answering before Lambda ends the function: a caller who gets no answer does not know what to do.

use std::future::Future;
use std::time::{Duration, SystemTime};

use crate::error::Error;

/// The time that is left for the answer itself.
const RESERVE: Duration = Duration::from_secs(1);

/// Does the work, if it is done before the invocation's deadline.
///
/// # Errors
/// [`Error::TimeUp`], or the work's own.
pub async fn before<T>(deadline: SystemTime, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let left = deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE);
    tokio::time::timeout(left, work).await.unwrap_or(Err(Error::TimeUp))
}
