//! The end of a series.

use domain::schedule::state::Stage;

use crate::aws::schedule::{Schedule, Scheduled};
use crate::clock;
use crate::error::Error;

/// Cancels a notification that no channel has yet, if its series has ended; `true` if it had.
pub(super) async fn end_with_series(schedule: &Schedule, row: &Scheduled) -> Result<bool, Error> {
    let Some(part) = row.series.as_ref().filter(|_| row.sent.is_empty() && row.stage != Stage::Cancelled) else {
        return Ok(false);
    };
    let series = schedule.get_series(part.id).await?;
    if series.is_some_and(|series| series.stage == Stage::Scheduled) {
        return Ok(false);
    }
    // If it has changed meanwhile, the call that changed it sees to it.
    schedule.cancel(row, clock::now()).await?;
    Ok(true)
}
