//! The table *Schedule*: what is to be sent later, once or again and again.
//!
//! A notification's row stands in the bucket that its id names, until some weeks after it is finished. A series has a row
//! of its own, which each of its notifications is conditional on: cancelling that one cancels them all. An attempt at an
//! endpoint that is hours away waits here too.

mod change;
mod later;
mod note;
mod progress;
mod row;
mod series;
mod write;

pub use later::{Due, LaterAttempt};
pub use note::SentNote;
pub use progress::Known;
pub use row::{Pending, Scheduled, SeriesPart};
pub use series::Series;
pub use write::Written;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::schedule::id::{Bucket, ScheduleId};
use domain::schedule::state::Stage;
use domain::time::Millis;

use super::row::text;
use crate::aws::clients::Clients;
use crate::error::Error;

/// How long a row is kept once it is finished, in seconds: longer than the dead-letter queue keeps a message.
const KEPT: i64 = 30 * 24 * 60 * 60;

/// The table.
#[derive(Clone, Debug)]
pub struct Schedule {
    client: Client,
    table: String,
}

impl Schedule {
    /// The table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// One notification; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn get(&self, id: ScheduleId) -> Result<Option<Scheduled>, Error> {
        match self.due(id).await? {
            Some(Due::Notification(row)) => Ok(Some(*row)),
            Some(Due::Attempt(_)) | None => Ok(None),
        }
    }

    /// What is unfinished in a bucket and due from the one moment until before the other; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn pending(&self, bucket: Bucket, from: Millis, until: Millis) -> Result<Vec<Pending>, Error> {
        let mut rows = Vec::new();
        let mut page = None;
        loop {
            let answer = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#bucket = :bucket AND id BETWEEN :from AND :until")
                .filter_expression("attribute_not_exists(done) AND stage <> :failed")
                // Without what they say: there may be many.
                .projection_expression("id, v, queued, rounds, handed_at")
                .expression_attribute_names("#bucket", "bucket")
                .expression_attribute_values(":bucket", text(bucket.to_string()))
                .expression_attribute_values(":from", text(ScheduleId::first_of(from)))
                .expression_attribute_values(":until", text(ScheduleId::first_of(until)))
                .expression_attribute_values(":failed", text(Stage::Failed.as_str()))
                .consistent_read(true)
                .set_exclusive_start_key(page)
                .send()
                .await
                .map_err(Error::call("Query of a bucket"))?;
            for row in answer.items.unwrap_or_default() {
                // One that cannot be read must not keep the others from their time.
                match Pending::from_row(row) {
                    Ok(row) => rows.push(row),
                    Err(error) => error.log(),
                }
            }
            page = answer.last_evaluated_key;
            if page.is_none() {
                return Ok(rows);
            }
        }
    }

    fn key(&self, id: ScheduleId) -> [(String, AttributeValue); 2] {
        [("bucket".to_owned(), text(id.bucket().to_string())), ("id".to_owned(), text(id.to_string()))]
    }
}
