//! Appending to a log: dense, in order, and in the usual case with one read and one write. The rules are in
//! [`crate::domain::append`].

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use rand::RngExt as _;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Log, NotificationRow};
use crate::aws::once::Once;
use crate::aws::row::{
    Attributes, CONDITION_FAILED, VERSION, built, cancellation_codes, from_row, number, text, to_row,
};
use crate::domain::append::{Generation, Head, Place, Plan, plan, plan_plain};
use crate::domain::channel::Channel;
use crate::domain::content::CollapseKey;
use crate::domain::item::Item;
use crate::domain::refusal::{Code, Refusal};
use crate::domain::seq::Seq;
use crate::domain::time::Millis;
use crate::error::Error;

/// How long a sender keeps trying to be next in a busy channel.
const PATIENCE: Duration = Duration::from_secs(15);

/// The longest wait between two tries, in milliseconds. The first waits are shorter.
const LONGEST_WAIT: u64 = 400;

/// What to append.
#[derive(Clone, Debug)]
pub struct New {
    /// The notification.
    pub item: Item,
    /// From when readers no longer see it, in seconds since 1970.
    pub hides_at: Option<i64>,
    /// Its collapse key.
    pub collapse_key: Option<CollapseKey>,
}

/// What came of appending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It has this place, for good.
    At(Seq),
    /// Under this key the channel has it already, or the key is another request's.
    Taken,
}

enum Written {
    Done,
    Lost,
    Taken,
}

impl Log {
    /// Appends to a channel's log; with a key, in one transaction with the note that it was done under the key.
    ///
    /// # Errors
    /// `channel_busy` after too many lost races; or DynamoDB does not answer as it should.
    pub async fn append(&self, channel: &Channel, new: &New, once: Option<&Once<'_>>) -> Result<Appended, Error> {
        let give_up = Instant::now() + PATIENCE;
        let mut wait = 4;
        loop {
            let (plan, head) = self.plan(channel).await?;
            match self.write(channel, new, plan, head, once).await? {
                Written::Done => return Ok(Appended::At(plan.place().seq)),
                Written::Taken => return Ok(Appended::Taken),
                Written::Lost if Instant::now() > give_up => return Err(busy(channel).into()),
                Written::Lost => {
                    let pause = rand::rng().random_range(0..wait);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }

    async fn plan(&self, channel: &Channel) -> Result<(Plan, Head), Error> {
        let newest = self.newest(channel).await?;
        if let Some(plan) = plan_plain(newest, Millis::now().seconds(), self.retention) {
            return Ok((plan, Head::default()));
        }
        let head = self.head(channel).await?.head;
        let newest = self.newest(channel).await?;
        Ok((plan(newest, head, Millis::now().0, self.retention), head))
    }

    async fn write(
        &self,
        channel: &Channel,
        new: &New,
        plan: Plan,
        head: Head,
        once: Option<&Once<'_>>,
    ) -> Result<Written, Error> {
        let starts = matches!(plan, Plan::Start(..));
        let row = to_row(&NotificationRow::new(channel, new, plan.place(), starts))?;
        match (plan, once) {
            (Plan::Plain(_), None) => self.put(row, &new.item.id).await,
            _ => {
                let items = self.transaction(channel, row, plan, head)?;
                self.transact(items, once.map(|once| once.note(channel, plan.place().seq)).transpose()?).await
            }
        }
    }

    async fn put(&self, row: Attributes, id: &str) -> Result<Written, Error> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(seq)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Written::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(lost_to(failed.item(), id)),
                Some(e) if is_conflict(e.code()) => Ok(Written::Lost),
                _ => Err(Error::call("PutItem of a notification")(error)),
            },
        }
    }

    /// The row, and what has to hold of the channel's own row with it.
    fn transaction(
        &self,
        channel: &Channel,
        row: Attributes,
        plan: Plan,
        head: Head,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(seq)")
            .build();
        let mut items = vec![TransactWriteItem::builder().put(built(put)?).build()];
        match plan {
            Plan::Plain(Place { .. }) => {}
            Plan::Checked(_) => items.push(self.same_generation(channel, head)?),
            Plan::Start(_, generation) => items.push(self.next_generation(channel, head, generation)?),
        }
        Ok(items)
    }

    fn same_generation(&self, channel: &Channel, head: Head) -> Result<TransactWriteItem, Error> {
        let (condition, seen) = generation_is(head);
        let check = ConditionCheck::builder()
            .table_name(&self.table)
            .key("channel", text(channel.as_str()))
            .key("seq", number(0))
            .condition_expression(condition)
            .set_expression_attribute_values(seen.map(|seen| [(":seen".to_owned(), number(seen))].into()))
            .build();
        Ok(TransactWriteItem::builder().condition_check(built(check)?).build())
    }

    fn next_generation(&self, channel: &Channel, head: Head, next: Generation) -> Result<TransactWriteItem, Error> {
        let (condition, seen) = generation_is(head);
        let update = Update::builder()
            .table_name(&self.table)
            .key("channel", text(channel.as_str()))
            .key("seq", number(0))
            .update_expression("SET generation = :next, #start = :start, v = :v")
            .condition_expression(condition)
            .expression_attribute_names("#start", "start")
            .set_expression_attribute_values(seen.map(|seen| [(":seen".to_owned(), number(seen))].into()))
            .expression_attribute_values(":next", number(next.number))
            .expression_attribute_values(":start", number(next.start))
            .expression_attribute_values(":v", number(VERSION))
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    async fn transact(
        &self,
        mut items: Vec<TransactWriteItem>,
        note: Option<TransactWriteItem>,
    ) -> Result<Written, Error> {
        let note_at = note.is_some().then_some(items.len());
        items.extend(note);
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(Written::Done);
        };
        match cancellation_codes(&error) {
            Some(codes) if note_at.is_some_and(|at| codes.get(at) == Some(&CONDITION_FAILED)) => Ok(Written::Taken),
            Some(codes)
                if codes.iter().all(|code| *code == "None" || *code == CONDITION_FAILED || is_conflict(Some(code))) =>
            {
                Ok(Written::Lost)
            }
            _ if is_conflict(error.code()) => Ok(Written::Lost),
            _ => Err(Error::call("TransactWriteItems of a notification")(error)),
        }
    }
}

/// Whether DynamoDB refused because of what others do at the same moment. Its codes differ between calls and reasons.
fn is_conflict(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "TransactionConflict"
                | "TransactionConflictException"
                | "TransactionInProgressException"
                | "ThrottlingError"
                | "ThrottlingException"
                | "ProvisionedThroughputExceeded"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
        )
    )
}

fn generation_is(head: Head) -> (&'static str, Option<u64>) {
    match head.generation {
        Some(generation) => ("generation = :seen", Some(generation.number)),
        None => ("attribute_not_exists(generation)", None),
    }
}

/// Whose the row is that was there first. It is our own where the SDK tried again after an answer that got lost.
fn lost_to(row: Option<&Attributes>, id: &str) -> Written {
    #[derive(Deserialize)]
    struct Owner {
        id: String,
    }
    match row.map(|row| from_row::<Owner>(row.clone())) {
        Some(Ok(owner)) if owner.id == id => Written::Done,
        _ => Written::Lost,
    }
}

fn busy(channel: &Channel) -> Refusal {
    Refusal::new(Code::ChannelBusy, format!("too many senders write to {channel} at the same time; try again"))
}
