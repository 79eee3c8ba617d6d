//! Writing what is to be sent later.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};

use super::{Schedule, Scheduled, Series};
use crate::aws::row::{
    Attributes, CONDITION_FAILED, built, cancellation_reasons, condition_failed, is_conflict, is_throttle,
    past_conflicts, pause, wait_for_units,
};
use crate::error::Error;

/// The number of times that a transaction that meets others is tried again.
const TRIES: u32 = 8;

/// The result of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionResult {
    /// All is there.
    Done,
    /// A condition failed, and nothing is.
    ConditionFailed,
}

/// The result of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleWriteResult {
    /// It is there.
    Done,
    /// Under its key there is something already.
    Taken,
}

impl Schedule {
    /// Writes a notification; with a series its row too, and with a key the key's, all in one.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn write(
        &self,
        row: &Scheduled,
        series: Option<&Series>,
        idempotency: Option<TransactWriteItem>,
    ) -> Result<ScheduleWriteResult, Error> {
        self.write_content(row).await?;
        let item = row.to_row()?;
        if series.is_none() && idempotency.is_none() {
            return self.put(item).await.map(|()| ScheduleWriteResult::Done);
        }
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)")
            .build();
        let keyed = idempotency.is_some();
        let mut items = vec![TransactWriteItem::builder().put(built(put)?).build()];
        items.extend(series.map(|series| self.put_series(series)).transpose()?);
        items.extend(idempotency);
        match self.transact(items).await? {
            TransactionResult::ConditionFailed if keyed => Ok(ScheduleWriteResult::Taken),
            TransactionResult::Done | TransactionResult::ConditionFailed => Ok(ScheduleWriteResult::Done),
        }
    }

    /// Nobody else has this id. So a condition that fails tells of this very write, tried again after an answer that got
    /// lost.
    pub(super) async fn put(&self, item: Attributes) -> Result<(), Error> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id)");
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) if condition_failed(&error) => Ok(()),
            Err(error) => Err(Error::call("PutItem of what is to be done later")(error)),
        }
    }

    /// Writes all or nothing.
    pub(super) async fn transact(&self, items: Vec<TransactWriteItem>) -> Result<TransactionResult, Error> {
        let request = self.client.transact_write_items().set_transact_items(Some(items));
        let mut tries = 1;
        loop {
            let Err(error) = request.clone().send().await else { return Ok(TransactionResult::Done) };
            let reasons = cancellation_reasons(&error).unwrap_or_default();
            if reasons.iter().any(|reason| reason.code() == Some(CONDITION_FAILED)) {
                return Ok(TransactionResult::ConditionFailed);
            }
            let codes = || reasons.iter().map(CancellationReason::code).chain([error.code()]);
            if !codes().any(is_conflict) || tries == TRIES {
                return Err(Error::call("TransactWriteItems of the schedule")(error));
            }
            tries += 1;
            // The SDK does not try a cancelled transaction again, whatever it was cancelled for.
            if codes().any(is_throttle) { wait_for_units().await } else { pause().await }
        }
    }
}
