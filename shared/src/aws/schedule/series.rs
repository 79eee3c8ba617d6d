//! A series: one row, under its own id, that all of its notifications are conditional on.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, TransactWriteItem, Update};
use domain::channel::{Channel, Sub};
use domain::schedule::id::ScheduleId;
use domain::schedule::repeat::Repeat;
use domain::schedule::state::Stage;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use super::{KEPT, Schedule};
use crate::aws::row::{VERSION, built, condition_failed, from_row, number, past_conflicts, text, to_row};
use crate::error::Error;

/// Notifications that are sent repeatedly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    bucket: String,
    /// Its id.
    pub id: ScheduleId,
    v: u8,
    /// Who sent it.
    #[serde(deserialize_with = "Sub::stored")]
    pub by: Sub,
    /// Its channels.
    pub to: Vec<Channel>,
    /// Its cron expression.
    pub repeat: String,
    /// The zone whose local time that means.
    pub time_zone: String,
    /// Whether it goes on.
    pub stage: Stage,
    /// The notification that comes next.
    pub current: ScheduleId,
    /// The one that came last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<ScheduleId>,
}

impl Series {
    /// A series that begins with this notification.
    #[must_use]
    pub fn new(id: ScheduleId, by: &Sub, to: &[Channel], repeat: &Repeat, first: ScheduleId) -> Self {
        Self {
            bucket: bucket(id),
            id,
            v: VERSION,
            by: by.clone(),
            to: to.to_vec(),
            repeat: repeat.expression().to_owned(),
            time_zone: repeat.time_zone().to_owned(),
            stage: Stage::Scheduled,
            current: first,
            last: None,
        }
    }
}

/// Apart from all minutes' buckets, so that no sweep reads it.
fn bucket(id: ScheduleId) -> String {
    format!("series#{id}")
}

fn key(id: ScheduleId) -> [(String, AttributeValue); 2] {
    [("bucket".to_owned(), text(bucket(id))), ("id".to_owned(), text(id.to_string()))]
}

impl Schedule {
    /// A series; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn get_series(&self, id: ScheduleId) -> Result<Option<Series>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(id).into()))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of a series"))?;
        answer.item.map(from_row).transpose()
    }

    /// Ends a series; `false` if it had ended.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn cancel_series(&self, id: ScheduleId, now: Millis) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(id).into()))
            .update_expression("SET stage = :cancelled, expires_at = :expires_at")
            .condition_expression("stage = :scheduled")
            .expression_attribute_values(":cancelled", text(Stage::Cancelled.as_str()))
            .expression_attribute_values(":scheduled", text(Stage::Scheduled.as_str()))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(Error::call("UpdateItem of a series")(error)),
        }
    }

    pub(super) fn put_series(&self, series: &Series) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_row(series)?))
            .condition_expression("attribute_not_exists(id)")
            .build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    /// Moves a series on to its next notification, on condition that it goes on and that this was its current one.
    pub(super) fn advance(
        &self,
        series: ScheduleId,
        this: ScheduleId,
        next: ScheduleId,
    ) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(series).into()))
            .update_expression("SET #current = :next, #last = :this")
            .condition_expression("stage = :scheduled AND #current = :this")
            .expression_attribute_names("#current", "current")
            .expression_attribute_names("#last", "last")
            .expression_attribute_values(":next", text(next.to_string()))
            .expression_attribute_values(":this", text(this.to_string()))
            .expression_attribute_values(":scheduled", text(Stage::Scheduled.as_str()))
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    pub(super) fn require_active(&self, series: ScheduleId) -> Result<TransactWriteItem, Error> {
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .set_key(Some(key(series).into()))
            .condition_expression("stage = :scheduled")
            .expression_attribute_values(":scheduled", text(Stage::Scheduled.as_str()))
            .build();
        Ok(TransactWriteItem::builder().condition_check(built(check)?).build())
    }
}
