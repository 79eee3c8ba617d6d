//! Appending to a log: dense, in order, and in the usual case with one read and one write. The rules are in
//! [`domain::append`].

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use domain::append::{Generation, Head, Newest, Plan, plan, plan_plain};
use domain::channel::Channel;
use domain::content::CollapseKey;
use domain::item::Item;
use domain::refusal::{Code, Refusal};
use domain::seq::Seq;
use domain::time::Seconds;
use rand::RngExt as _;
use serde::Deserialize;
use tokio::time::Instant;

use super::{Log, NotificationRow};
use crate::aws::row::{
    Attributes, CONDITION_FAILED, VERSION, built, cancellation_reasons, from_row, is_conflict, number, text, to_row,
};
use crate::clock;
use crate::error::Error;

/// The time for which a sender keeps trying to be next in its busy channels.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The time for which a sender stays with one busy channel before it looks after its others.
pub const SHORT_PATIENCE: Duration = Duration::from_millis(500);

/// The first wait between two tries is shorter than this, in milliseconds. It doubles with each lost race.
const FIRST_WAIT: u64 = 16;

/// No wait is longer than this, in milliseconds.
const LONGEST_WAIT: u64 = 400;

/// A change in the same transaction as a log.
pub trait CompanionWrite {
    /// The further items of the transaction, once the place in the log is known.
    ///
    /// # Errors
    /// None that a caller could mend.
    fn items(&self, channel: &Channel, seq: Seq) -> Result<Vec<TransactWriteItem>, Error>;
}

/// A note, or none.
pub type OptionalCompanionWrite<'a> = Option<&'a (dyn CompanionWrite + Sync)>;

/// A notification to append.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// The notification.
    pub item: Item,
    /// From when readers no longer see it, in seconds since 1970.
    pub hides_at: Option<Seconds>,
    /// Its collapse key.
    pub collapse_key: Option<CollapseKey>,
}

/// The result of appending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendResult {
    /// It has this place, for good.
    At(Seq),
    /// A condition of the note failed: what it notes has been done already, or must not be done.
    Taken,
}

/// Where a row is to go, and what that follows from.
#[derive(Clone, Copy, Debug)]
struct PlannedAppend {
    plan: Plan,
    newest: Option<Newest>,
    head: Head,
}

enum AppendWriteResult {
    /// It is there.
    Done,
    /// A condition failed: somebody else was first, and the log has to be looked at again.
    Lost,
    /// The last try met others or a throttle; one before it, inside the SDK, may have been done. Only the same write may
    /// follow: another one might store a second time what this one has stored already.
    Unknown,
    /// The note's condition failed.
    Taken,
}

impl Log {
    /// Appends to a channel's log; with a note, in one transaction with that. In a busy channel it tries until `give_up`.
    ///
    /// # Errors
    /// `channel_busy` after too many lost races; or DynamoDB does not answer as it should.
    pub async fn append(
        &self,
        channel: &Channel,
        entry: &NewEntry,
        companion: OptionalCompanionWrite<'_>,
        give_up: Instant,
    ) -> Result<AppendResult, Error> {
        let mut wait = FIRST_WAIT;
        let mut planned = self.plan(channel).await?;
        loop {
            let written = self.write(channel, entry, planned, companion).await?;
            match written {
                AppendWriteResult::Done => return Ok(AppendResult::At(planned.plan.place().seq)),
                AppendWriteResult::Taken => return Ok(AppendResult::Taken),
                AppendWriteResult::Lost | AppendWriteResult::Unknown if Instant::now() > give_up => {
                    return Err(busy(channel).into());
                }
                AppendWriteResult::Lost | AppendWriteResult::Unknown => {
                    let pause = rand::rng().random_range(0..wait);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
            if matches!(written, AppendWriteResult::Lost) {
                planned = self.plan(channel).await?;
            }
        }
    }

    async fn plan(&self, channel: &Channel) -> Result<PlannedAppend, Error> {
        let newest = self.newest(channel).await?;
        if let Some(plan) = plan_plain(newest, clock::now().seconds(), self.rules) {
            return Ok(PlannedAppend { plan, newest, head: Head::default() });
        }
        let head = self.head(channel).await?.head;
        let newest = self.newest(channel).await?;
        Ok(PlannedAppend { plan: plan(newest, head, clock::now(), self.rules), newest, head })
    }

    async fn write(
        &self,
        channel: &Channel,
        entry: &NewEntry,
        planned: PlannedAppend,
        companion: OptionalCompanionWrite<'_>,
    ) -> Result<AppendWriteResult, Error> {
        let PlannedAppend { plan, newest, head } = planned;
        let row = to_row(&NotificationRow::new(channel, entry, plan, newest))?;
        match (plan, companion) {
            (Plan::Plain(_), None) => self.put(row, &entry.item.id).await,
            _ => {
                let items = self.transaction(channel, row, plan, head)?;
                let companion = companion.map(|companion| companion.items(channel, plan.place().seq)).transpose()?;
                self.transact(items, companion.unwrap_or_default(), &entry.item.id).await
            }
        }
    }

    async fn put(&self, row: Attributes, id: &str) -> Result<AppendWriteResult, Error> {
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
            Ok(_) => Ok(AppendWriteResult::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(lost_to(failed.item(), id)),
                Some(e) if is_conflict(e.code()) => Ok(AppendWriteResult::Unknown),
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
        let mut items = vec![self.at_a_vacant_place(row)?];
        match plan {
            Plan::Plain(_) => {}
            Plan::Checked(_) => items.push(self.same_generation(channel, head)?),
            Plan::Start(_, generation, before) => {
                items.push(self.next_generation(channel, head, generation)?);
                let closing = before.closing.map(|place| NotificationRow::closing(channel, place, clock::now()));
                items.extend(closing.map(|row| self.at_a_vacant_place(to_row(&row)?)).transpose()?);
            }
        }
        Ok(items)
    }

    fn at_a_vacant_place(&self, row: Attributes) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(seq)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
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

    /// The first item is the notification's row; the note's, if there is one, come last.
    async fn transact(
        &self,
        mut items: Vec<TransactWriteItem>,
        companion: Vec<TransactWriteItem>,
        id: &str,
    ) -> Result<AppendWriteResult, Error> {
        let companion_at = items.len();
        items.extend(companion);
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(items)).send().await else {
            return Ok(AppendWriteResult::Done);
        };
        let Some(reasons) = cancellation_reasons(&error) else {
            let passing = is_conflict(error.code());
            return if passing {
                Ok(AppendWriteResult::Unknown)
            } else {
                Err(Error::call("TransactWriteItems")(error))
            };
        };
        let failed = |reason: &CancellationReason| reason.code() == Some(CONDITION_FAILED);
        match reasons.first().filter(|row| failed(row)).map(|row| lost_to(row.item(), id)) {
            // With a note, another one at the same work may have been first: what it has noted has to be read.
            Some(AppendWriteResult::Done) => {
                Ok(if companion_at == reasons.len() { AppendWriteResult::Done } else { AppendWriteResult::Taken })
            }
            _ if reasons.iter().skip(companion_at).any(failed) => Ok(AppendWriteResult::Taken),
            _ if reasons.iter().any(failed) => Ok(AppendWriteResult::Lost),
            _ if reasons.iter().any(|reason| is_conflict(reason.code())) => Ok(AppendWriteResult::Unknown),
            _ => Err(Error::call("TransactWriteItems")(error)),
        }
    }
}

fn generation_is(head: Head) -> (&'static str, Option<u64>) {
    match head.generation {
        Some(generation) => ("generation = :seen", Some(generation.number)),
        None => ("attribute_not_exists(generation)", None),
    }
}

/// Whose the row is that was there first. It is our own where the same write was tried again after an answer that got
/// lost.
fn lost_to(row: Option<&Attributes>, id: &str) -> AppendWriteResult {
    #[derive(Deserialize)]
    struct Owner {
        id: String,
    }
    match row.map(|row| from_row::<Owner>(row.clone())) {
        Some(Ok(owner)) if owner.id == id => AppendWriteResult::Done,
        _ => AppendWriteResult::Lost,
    }
}

fn busy(channel: &Channel) -> Refusal {
    Refusal::new(Code::ChannelBusy, format!("too many senders write to {channel} at the same time; try again"))
}
