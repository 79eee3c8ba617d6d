//! The content of a notification, apart from its row where it is long: a sweep reads a bucket's rows, and pays for all that they hold.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::channel::{Channel, Sub};
use domain::schedule::id::ScheduleId;
use domain::time::Seconds;
use serde::{Deserialize, Serialize};

use super::{KEPT, Schedule, Scheduled};
use crate::aws::row::{Attributes, VERSION, from_row, past_conflicts, text, to_row};
use crate::error::Error;

/// A content that is no longer than this stays in the notification's own row, in bytes: with it the row costs one write unit, as without.
const LONGEST_INSIDE: usize = 512;

/// The attribute that a notification's row has without its content, and the one that it has then.
const CONTENT: &str = "content";
const APART: &str = "apart";

/// The content of a notification, in a row of its own. The row names the sender too, so that it is found when a user's data is to be removed.
#[derive(Serialize)]
struct ContentRow {
    bucket: String,
    id: ScheduleId,
    v: u8,
    by: Sub,
    to: Vec<Channel>,
    content: String,
    expires_at: Seconds,
}

/// The part of that row that is read.
#[derive(Deserialize)]
struct StoredContent {
    content: String,
}

impl ContentRow {
    /// Longer than its notification's own row, for one that is delivered very late.
    fn new(row: &Scheduled) -> Self {
        let expires_at = row.id.due().seconds() + 2 * KEPT;
        let (by, to, content) = (row.by.clone(), row.to.clone(), row.content.clone());
        Self { bucket: bucket(row.id), id: row.id, v: VERSION, by, to, content, expires_at }
    }
}

/// Apart from all minutes' buckets, so that no sweep reads it.
fn bucket(id: ScheduleId) -> String {
    format!("content#{id}")
}

impl Scheduled {
    fn is_apart(&self) -> bool {
        self.content.len() > LONGEST_INSIDE
    }

    /// Its row, without its content where that is apart.
    pub(super) fn to_row(&self) -> Result<Attributes, Error> {
        let mut row = to_row(self)?;
        if self.is_apart() {
            row.remove(CONTENT);
            row.insert(APART.to_owned(), AttributeValue::Bool(true));
        }
        Ok(row)
    }
}

impl Schedule {
    /// Writes what a notification says, if that is apart. It comes before the notification's row, and stays behind if that never comes,
    /// until it expires.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn write_content(&self, row: &Scheduled) -> Result<(), Error> {
        if !row.is_apart() {
            return Ok(());
        }
        let item = to_row(&ContentRow::new(row))?;
        let request = self.client.put_item().table_name(&self.table).set_item(Some(item));
        let written = past_conflicts(|| request.clone().send()).await;
        written.map(drop).map_err(Error::call("PutItem of what a notification says"))
    }

    /// Reads a notification's row with its content, wherever that is.
    pub(super) async fn with_content(&self, id: ScheduleId, mut row: Attributes) -> Result<Scheduled, Error> {
        if row.remove(APART).is_some() {
            row.insert(CONTENT.to_owned(), text(self.content(id).await?));
        }
        from_row(row)
    }

    async fn content(&self, id: ScheduleId) -> Result<String, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("bucket", text(bucket(id)))
            .key("id", text(id.to_string()))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of what a notification says"))?;
        let gone = || Error::Unreadable("what the notification says is gone".to_owned());
        let StoredContent { content } = from_row(answer.item.ok_or_else(gone)?)?;
        Ok(content)
    }
}
