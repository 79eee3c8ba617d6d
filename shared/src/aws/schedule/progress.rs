//! The sweeper's progress: a row that no id can name.
//!
//! Earlier releases know of a row's `handed` only, and go on from there: that is behind whatever has not been handed on. What this release
//! has besides, they leave out when they write the row, and it reads a row without it.

use std::collections::{BTreeMap, BTreeSet};

use domain::schedule::id::{Bucket, Minute, SchedulePosition};
use domain::schedule::progress::{Look, Progress};
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::aws::row::{VERSION, condition_failed, from_row, number, past_conflicts, text, to_row};
use crate::error::Error;

const BUCKET: &str = "sweeper";
const ID: &str = "progress";

/// The progress that a sweep found, and the version of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownProgress {
    /// The sweeper's progress.
    pub progress: Progress,
    /// The row that says so.
    pub seen: ProgressVersion,
}

/// The sweeper's row as it was last seen or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressVersion {
    /// It has been written so often; 0 if it is not there.
    Times(u64),
    /// A later release's: it is left as it is.
    Unreadable,
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
    /// Absent where it is `handed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<Millis>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    places: BTreeMap<Bucket, SchedulePosition>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    looks: BTreeMap<Bucket, Look>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<Bucket>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    handed_late: BTreeMap<Bucket, Millis>,
}

impl ProgressRow {
    fn new(progress: &Progress, sweeps: u64) -> Self {
        let Progress { watermark, open, looks, turn, begun, places, caught_up, handed_late } = progress.clone();
        let handed = progress.handed();
        Self {
            bucket: BUCKET.to_owned(),
            id: ID.to_owned(),
            v: VERSION,
            sweeps,
            watermark,
            open,
            handed,
            caught_up,
            begun: Some(begun).filter(|begun| *begun != handed),
            places,
            looks,
            turn,
            handed_late,
        }
    }

    fn progress(self) -> Progress {
        let Self { watermark, open, handed, caught_up, begun, places, looks, turn, handed_late, .. } = self;
        let begun = begun.unwrap_or(handed);
        Progress { watermark, open, looks, turn, begun, places, caught_up, handed_late }
    }
}

impl Schedule {
    /// The progress of the last sweep, or the beginning for the first one; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn progress(&self, now: Millis) -> Result<KnownProgress, Error> {
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
            return Ok(KnownProgress { progress: Progress::start(now), seen: ProgressVersion::Times(0) });
        };
        match from_row::<ProgressRow>(row) {
            Ok(row) => Ok(KnownProgress { seen: ProgressVersion::Times(row.sweeps), progress: row.progress() }),
            // This sweep does what a first one does.
            Err(error) => {
                error.log();
                Ok(KnownProgress { progress: Progress::start(now), seen: ProgressVersion::Unreadable })
            }
        }
    }

    /// Keeps how far a sweep has come; `None` if another one, begun at the same time, was first. Both have done the same, and what both
    /// have queued is delivered once.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn keep_progress(
        &self,
        seen: ProgressVersion,
        progress: &Progress,
    ) -> Result<Option<ProgressVersion>, Error> {
        let ProgressVersion::Times(times) = seen else { return Ok(Some(seen)) };
        let values = (times > 0).then(|| [(":seen".to_owned(), number(times))].into());
        let unchanged = if values.is_some() { "sweeps = :seen" } else { "attribute_not_exists(id)" };
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_row(&ProgressRow::new(progress, times + 1))?))
            .condition_expression(unchanged)
            .set_expression_attribute_values(values);
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(Some(ProgressVersion::Times(times + 1))),
            // It may be this very write, tried again after an answer that got lost.
            Err(error) if condition_failed(&error) => {
                let written = KnownProgress { progress: progress.clone(), seen: ProgressVersion::Times(times + 1) };
                let now = Millis(0);
                Ok((self.progress(now).await? == written).then_some(written.seen))
            }
            Err(error) => Err(Error::call("PutItem of the sweeper's progress")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A sweep that had no time to come to the end of anything.
    fn under_way() -> Progress {
        let now = Millis(1_795_290_300_000);
        let mut progress = Progress::start(now);
        while progress.begin(now).is_some() {}
        while progress.close(now).is_some() {}
        let bucket = *progress.places.first_key_value().unwrap().0;
        let look = Look { place: SchedulePosition::at(now), is_unfinished: true };
        progress.looks = BTreeMap::from([(bucket, look)]);
        progress.turn = Some(bucket);
        progress.handed_late = BTreeMap::from([(bucket, now)]);
        progress
    }

    #[test]
    fn progress_reads_as_it_was_written() {
        for progress in [Progress::start(Millis(1_795_290_300_000)), under_way()] {
            let row = to_row(&ProgressRow::new(&progress, 7)).unwrap();
            assert_eq!(from_row::<ProgressRow>(row).unwrap().progress(), progress);
        }
    }

    #[test]
    fn a_row_of_an_earlier_release_reads_and_an_earlier_release_reads_a_row_of_this_one() {
        let earlier = ["bucket", "id", "v", "sweeps", "watermark", "open", "handed", "caught_up"];
        let progress = under_way();
        let mut row = to_row(&ProgressRow::new(&progress, 7)).unwrap();
        assert!(earlier.iter().all(|name| row.contains_key(*name)) && row["v"] == number(VERSION));
        row.retain(|name, _| earlier.contains(&name.as_str()));
        let read = from_row::<ProgressRow>(row).unwrap().progress();
        assert_eq!((read.begun, read.places.len()), (progress.handed(), 0));
        // Where nothing is under way there is nothing else.
        let healthy = to_row(&ProgressRow::new(&Progress::start(Millis(0)), 7)).unwrap();
        assert!(healthy.keys().all(|name| earlier.contains(&name.as_str())), "{healthy:?}");
    }
}
