//! How far the sweeper has come: a row that no id can name.

use std::collections::BTreeSet;

use domain::schedule::id::{Bucket, Minute};
use domain::schedule::sweep::Progress;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::aws::row::{VERSION, condition_failed, from_row, number, past_conflicts, text, to_row};
use crate::error::Error;

const BUCKET: &str = "sweeper";
const ID: &str = "progress";

/// What a sweep found, and which sweep had written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// How far it came.
    pub progress: Progress,
    /// How many sweeps there were; 0 before the first.
    sweeps: u64,
}

#[derive(Serialize, Deserialize)]
struct ProgressRow {
    bucket: String,
    id: String,
    v: u8,
    sweeps: u64,
    watermark: Minute,
    open: BTreeSet<Bucket>,
    handed: Millis,
    caught_up: Millis,
}

impl Schedule {
    /// How far the last sweep came, or where the first one begins; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn progress(&self, now: Millis) -> Result<Known, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("bucket", text(BUCKET))
            .key("id", text(ID))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of the sweeper's progress"))?;
        let Some(row) = answer.item else {
            return Ok(Known { progress: Progress::start(now), sweeps: 0 });
        };
        match from_row(row) {
            Ok(ProgressRow { sweeps, watermark, open, handed, caught_up, .. }) => {
                Ok(Known { progress: Progress { watermark, open, handed, caught_up }, sweeps })
            }
            // A later release's: it is left as it is, and this sweep does what a first one does.
            Err(error) => {
                error.log();
                Ok(Known { progress: Progress::start(now), sweeps: 0 })
            }
        }
    }

    /// Keeps how far this sweep came; `false` if another one, begun at the same time, was first. Both have done the same,
    /// and what both have queued is delivered once.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn keep_progress(&self, known: &Known, progress: &Progress) -> Result<bool, Error> {
        let Progress { watermark, open, handed, caught_up } = progress.clone();
        let (bucket, id) = (BUCKET.to_owned(), ID.to_owned());
        let sweeps = known.sweeps + 1;
        let row = ProgressRow { bucket, id, v: VERSION, sweeps, watermark, open, handed, caught_up };
        let seen = (known.sweeps > 0).then(|| [(":seen".to_owned(), number(known.sweeps))].into());
        let unchanged = if seen.is_some() { "sweeps = :seen" } else { "attribute_not_exists(id)" };
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_row(&row)?))
            .condition_expression(unchanged)
            .set_expression_attribute_values(seen);
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(Error::call("PutItem of the sweeper's progress")(error)),
        }
    }
}
