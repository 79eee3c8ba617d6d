//! An attempt at an endpoint that comes later than a queue can wait.

use domain::endpoint::attempt::Attempt;
use domain::schedule::id::{Bucket, ScheduleId};
use domain::schedule::state::Stage;
use domain::schedule::sweep::is_queued_by_writer;
use domain::time::Millis;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::row::is_zero;
use super::{Schedule, Scheduled};
use crate::aws::row::{VERSION, from_row, text, to_row};
use crate::error::Error;

/// The attribute that tells an attempt's row from a notification's.
const ATTEMPT: &str = "attempt";

/// An attempt that is to be queued later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaterAttempt {
    bucket: Bucket,
    /// Its id, and so the time when it is due.
    pub id: ScheduleId,
    v: u8,
    /// The attempt.
    pub attempt: Attempt,
    stage: Stage,
    /// Whether its writer has queued it; else the sweeper does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// Whether it was handed to the endpoints' queue.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// The number of times that the sweeper has queued it after its time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u8,
}

/// A row that is due.
#[derive(Clone, Debug, PartialEq)]
pub enum Due {
    /// A notification.
    Notification(Box<Scheduled>),
    /// An attempt at an endpoint.
    Attempt(LaterAttempt),
}

impl LaterAttempt {
    /// An attempt that is due then. Its id follows from both, so that writing it twice makes one.
    #[must_use]
    pub fn new(attempt: &Attempt, due: Millis, now: Millis) -> Self {
        let Attempt { channel, endpoint, seq, number, replay } = attempt;
        let digest = Sha256::digest(format!("{channel}#{endpoint}#{seq}#{number}#{replay}"));
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let id = ScheduleId::of_one(due, random);
        let queued = is_queued_by_writer(due, now);
        let (bucket, attempt, stage) = (id.bucket(), attempt.clone(), Stage::Scheduled);
        Self { bucket, id, v: VERSION, attempt, stage, queued, done: false, rounds: 0 }
    }
}

impl Schedule {
    /// Whatever is due under an id; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn due(&self, id: ScheduleId) -> Result<Option<Due>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("bucket", text(id.bucket().to_string()))
            .key("id", text(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of what is due"))?;
        let Some(row) = answer.item else { return Ok(None) };
        if row.contains_key(ATTEMPT) {
            return from_row(row).map(|attempt| Some(Due::Attempt(attempt)));
        }
        let row = self.with_content(id, row).await?;
        Ok(Some(Due::Notification(Box::new(row))))
    }

    /// Writes an attempt for later.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn write_later(&self, attempt: &LaterAttempt) -> Result<(), Error> {
        self.put(to_row(attempt)?).await
    }
}

#[cfg(test)]
mod tests {
    use domain::channel::{Channel, Sub};
    use domain::endpoint::id::EndpointId;
    use domain::seq::Seq;

    use super::*;

    #[test]
    fn an_attempt_written_twice_is_one_row_and_the_next_is_another() {
        let alice = Sub::parse("alice").unwrap();
        let attempt = Attempt::first(&Channel::inbox(&alice), &EndpointId::new(&alice, 0, [0; 8]), Seq(7), 0);
        let due = Millis(1_795_290_300_000);
        let row = LaterAttempt::new(&attempt, due, Millis(0));
        assert_eq!(row, LaterAttempt::new(&attempt, due, Millis(0)));
        assert_eq!(row.id.due(), due);
        assert_ne!(row.id, LaterAttempt::new(&attempt.next(), due, Millis(0)).id);
        let written = to_row(&row).unwrap();
        assert!(written.contains_key(ATTEMPT));
        assert!(!written.contains_key("rounds"), "the sweeper's first round is conditional on that");
        assert_eq!(from_row::<LaterAttempt>(written).unwrap(), row);
    }
}
