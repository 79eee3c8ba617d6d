//! State changes of a scheduled notification other than delivery. Each change is conditional on what was seen.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::schedule::id::ScheduleId;
use domain::schedule::state::Stage;
use domain::time::Millis;

use super::write::TransactionResult;
use super::{KEPT, LaterAttempt, Pending, Schedule, Scheduled};
use crate::aws::row::{built, condition_failed, number, past_conflicts, text};
use crate::error::Error;

impl Schedule {
    /// Records that every push has succeeded, or that an attempt was queued.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_done(&self, id: ScheduleId, now: Millis) -> Result<(), Error> {
        let request = self
            .update(id)
            .update_expression("SET done = :true, expires_at = :expires_at")
            .condition_expression("attribute_exists(id)")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        self.change(request).await.map(drop)
    }

    /// Cancels what was seen; `false` if it has changed meanwhile. What some channels have already still has to be pushed
    /// there, and so is not done.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn cancel(&self, seen: &Scheduled, now: Millis) -> Result<bool, Error> {
        let done = if seen.sent.is_empty() { ", done = :true, expires_at = :expires_at" } else { "" };
        let mut request = self
            .update(seen.id)
            .update_expression(format!("SET stage = :cancelled{done}"))
            .condition_expression("stage = :seen AND size(sent) = :sent AND attribute_not_exists(done)")
            .expression_attribute_values(":cancelled", text(Stage::Cancelled.as_str()))
            .expression_attribute_values(":seen", text(seen.stage.as_str()))
            .expression_attribute_values(":sent", number(seen.sent.len()));
        if seen.sent.is_empty() {
            request = request
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        }
        self.change(request).await
    }

    /// Notes that its message goes to the dead-letter queue.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_dead_letter(&self, id: ScheduleId, now: Millis) -> Result<(), Error> {
        let request = self
            .update(id)
            .update_expression("SET dead_lettered_at = :now")
            .condition_expression("attribute_exists(id) AND attribute_not_exists(done)")
            .expression_attribute_values(":now", number(now.0));
        self.change(request).await.map(drop)
    }

    /// Notes that the sweeper hands it to the queue once more; `false` if it has changed meanwhile.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_round(&self, seen: &Pending, round: u8, now: Millis) -> Result<bool, Error> {
        let unchanged = if seen.rounds == 0 { "attribute_not_exists(rounds)" } else { "rounds = :seen" };
        let mut request = self
            .update(seen.id)
            .update_expression("SET rounds = :round, handed_at = :now REMOVE dead_lettered_at")
            .condition_expression(format!("attribute_exists(id) AND attribute_not_exists(done) AND {unchanged}"))
            .expression_attribute_values(":round", number(round))
            .expression_attribute_values(":now", number(now.0));
        if seen.rounds > 0 {
            request = request.expression_attribute_values(":seen", number(seen.rounds));
        }
        self.change(request).await
    }

    /// Gives up what was seen, and has its series go on; `false` if it has changed meanwhile.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn fail(&self, seen: &Scheduled, next: Option<&Scheduled>, now: Millis) -> Result<bool, Error> {
        if let Some(next) = next {
            self.write_content(next).await?;
        }
        let failed = self.failed(seen.id, seen.rounds, next, now)?;
        let write_next = next.map(|next| self.write_next(seen, next)).transpose()?;
        let items = std::iter::once(failed).chain(write_next.into_iter().flatten()).collect();
        Ok(self.transact(items).await? == TransactionResult::Done)
    }

    /// Gives up an attempt that could not be handed on.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn fail_later(&self, seen: &LaterAttempt, now: Millis) -> Result<bool, Error> {
        let failed = self.failed(seen.id, seen.rounds, None, now)?;
        Ok(self.transact(vec![failed]).await? == TransactionResult::Done)
    }

    /// Gives up what cannot be read, and is not done; `false` if it was done meanwhile.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn fail_unread(&self, id: ScheduleId, now: Millis) -> Result<bool, Error> {
        let request = self
            .update(id)
            .update_expression("SET stage = :failed, expires_at = :expires_at")
            .condition_expression("attribute_exists(id) AND attribute_not_exists(done)")
            .expression_attribute_values(":failed", text(Stage::Failed.as_str()))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        self.change(request).await
    }

    fn failed(
        &self,
        id: ScheduleId,
        rounds: u8,
        next: Option<&Scheduled>,
        now: Millis,
    ) -> Result<TransactWriteItem, Error> {
        let set_next = if next.is_some() { ", series.#next = :next" } else { "" };
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(self.key(id).into()))
            .update_expression(format!("SET stage = :failed, expires_at = :expires_at{set_next}"))
            .condition_expression("stage = :scheduled AND rounds = :rounds AND attribute_not_exists(done)")
            .expression_attribute_values(":failed", text(Stage::Failed.as_str()))
            .expression_attribute_values(":scheduled", text(Stage::Scheduled.as_str()))
            .expression_attribute_values(":rounds", number(rounds))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        if let Some(next) = next {
            update = update
                .expression_attribute_names("#next", "next")
                .expression_attribute_values(":next", text(next.id.to_string()));
        }
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }

    fn update(&self, id: ScheduleId) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).set_key(Some(self.key(id).into()))
    }

    async fn change(&self, request: UpdateItemFluentBuilder) -> Result<bool, Error> {
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(Error::call("UpdateItem of a scheduled notification")(error)),
        }
    }
}
