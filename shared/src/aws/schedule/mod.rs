//! The table *Schedule*: notifications that are sent later, once or in a series.
//!
//! A notification's row stands in the bucket that its id names, until some weeks after it is finished. A series has a row
//! of its own, which each of its notifications is conditional on: cancelling that one cancels them all. An attempt at an
//! endpoint that is hours away waits here too. What a notification says is in a row of its own where it is long.

mod change;
mod content;
mod later;
mod progress;
mod row;
mod sent_channel_write;
mod series;
mod write;

pub use later::{Due, LaterAttempt};
pub use progress::{KnownProgress, ProgressVersion};
pub use row::{Pending, Scheduled, SeriesPart};
pub use sent_channel_write::SentChannelWrite;
pub use series::Series;
pub use write::ScheduleWriteResult;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::schedule::id::{ScheduleId, SchedulePosition};
use domain::schedule::progress::{PageEnd, Stretch};
use domain::schedule::state::Stage;

use super::row::{Attributes, text};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a row is kept once it is finished, in seconds: longer than the dead-letter queue keeps a message.
const KEPT: i64 = 30 * 24 * 60 * 60;

/// The number of rows of a bucket that are read at once. Fewer are where they are large: DynamoDB reads up to 1 MB.
const PAGE: i32 = 500;

/// A page of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketPage {
    /// The unfinished rows on it.
    pub rows: Vec<Pending>,
    /// Where it ends.
    pub end: PageEnd,
}

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

    /// A page of what is unfinished in a bucket; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn page(&self, stretch: Stretch) -> Result<BucketPage, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#bucket = :bucket AND id BETWEEN :from AND :until")
            .filter_expression("attribute_not_exists(done) AND stage <> :failed")
            // Without what they say: there may be many.
            .projection_expression("id, v, queued, rounds, handed_at, #by")
            .expression_attribute_names("#bucket", "bucket")
            .expression_attribute_names("#by", "by")
            .expression_attribute_values(":bucket", text(stretch.bucket.to_string()))
            .expression_attribute_values(":from", text(stretch.from.to_string()))
            .expression_attribute_values(":until", text(stretch.until.to_string()))
            .expression_attribute_values(":failed", text(Stage::Failed.as_str()))
            .consistent_read(true)
            .limit(PAGE)
            .send()
            .await
            .map_err(Error::call("Query of a bucket"))?;
        let end = match answer.last_evaluated_key {
            None => PageEnd::Last,
            Some(key) => PageEnd::At(SchedulePosition::behind(id_in(&key)?)),
        };
        let rows = answer.items.unwrap_or_default().into_iter().filter_map(|row| {
            // One that cannot be read must not keep the others from their time.
            Pending::from_row(row).inspect_err(Error::log).ok()
        });
        Ok(BucketPage { rows: rows.collect(), end })
    }

    fn key(&self, id: ScheduleId) -> [(String, AttributeValue); 2] {
        [("bucket".to_owned(), text(id.bucket().to_string())), ("id".to_owned(), text(id.to_string()))]
    }
}

/// The id in a key that DynamoDB gives: no row of a minute's bucket has another.
fn id_in(key: &Attributes) -> Result<ScheduleId, Error> {
    let id = key.get("id").and_then(|id| id.as_s().ok()).and_then(|id| ScheduleId::parse(id));
    id.ok_or(Error::Failed { call: "Query of a bucket", cause: "its page ends with no id".to_owned() })
}
