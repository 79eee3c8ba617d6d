//! The table *Once*: what may happen only once. A row present but expired counts as absent, since DynamoDB's TTL deletes
//! late.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::channel::{Channel, Sub};
use domain::item::Item;
use domain::places::Places;
use domain::send::IdempotencyKey;
use domain::seq::Seq;
use domain::time::{Millis, Seconds};
use serde::{Deserialize, Serialize};

use super::log::CompanionWrite;
use super::row::{Attributes, VERSION, built, from_row, number, number_in, past_conflicts, text, to_row};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a key is remembered, in seconds.
const REMEMBERED: i64 = 24 * 60 * 60;

/// The table.
#[derive(Clone, Debug)]
pub struct IdempotencyRecords {
    client: Client,
    table: String,
}

/// The record of an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// The notification's id.
    pub id: String,
    /// When the first request under the key was accepted.
    sent_at: Millis,
    /// The request's fingerprint: the same key is not for another one.
    pub fingerprint: String,
    /// The channels that have it, with its place. None while it waits in the schedule.
    pub channels: Places,
    /// Whether it went to the schedule, where the row of this id says more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scheduled: bool,
    /// Whether every push has succeeded. Until then a request that finds the row fans out again.
    #[serde(default)]
    pub done: bool,
    expires_at: Seconds,
}

#[derive(Serialize)]
struct IdempotencyRow<'a> {
    key: String,
    v: u8,
    #[serde(flatten)]
    sent: &'a IdempotencyRecord,
}

/// One key's row, and how to note a channel in it.
#[derive(Debug)]
pub struct IdempotencyWrite<'a> {
    table: &'a str,
    key: String,
    /// The record of the key; made by the first request.
    sent: &'a IdempotencyRecord,
    first: bool,
    now: Seconds,
}

impl IdempotencyRecord {
    /// A request that nothing has been done for.
    #[must_use]
    pub fn new(item: &Item, fingerprint: String) -> Self {
        let (id, sent_at) = (item.id.clone(), item.sent_at);
        let expires_at = sent_at.seconds() + REMEMBERED;
        Self { id, sent_at, fingerprint, channels: Places::new(), scheduled: false, done: false, expires_at }
    }

    /// The notification of the first request, from that of an equal one.
    #[must_use]
    pub fn item(&self, equal: Item) -> Item {
        Item { id: self.id.clone(), sent_at: self.sent_at, ..equal }
    }
}

impl IdempotencyRecords {
    /// The table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// The record of a key.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn get(&self, sub: &Sub, key: &IdempotencyKey, now: Millis) -> Result<Option<IdempotencyRecord>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("key", text(row_key(sub, key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of an idempotency key"))?;
        let is_kept = |row: &Attributes| number_in(row, "expires_at").is_none_or(|at: Seconds| at > now.seconds());
        answer.item.filter(is_kept).map(from_row).transpose()
    }

    /// The row of a key, for a transaction: a new one while `sent` has no channel.
    #[must_use]
    pub fn row<'a>(
        &'a self,
        sub: &Sub,
        key: &IdempotencyKey,
        sent: &'a IdempotencyRecord,
        now: Millis,
    ) -> IdempotencyWrite<'a> {
        IdempotencyWrite {
            table: &self.table,
            key: row_key(sub, key),
            sent,
            first: sent.channels.is_empty(),
            now: now.seconds(),
        }
    }

    /// Records that every push has succeeded.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_done(&self, sub: &Sub, key: &IdempotencyKey, sent: &IdempotencyRecord) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(sub, key)))
            .update_expression("SET done = :true")
            .condition_expression("id = :id")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":id", text(&sent.id));
        let answer = past_conflicts(|| request.clone().send()).await;
        answer.map(drop).map_err(Error::call("UpdateItem of an idempotency key"))
    }
}

/// That a channel has the notification. Fails where it has it already or the key is another request's.
impl CompanionWrite for IdempotencyWrite<'_> {
    fn items(&self, channel: &Channel, seq: Seq) -> Result<Vec<TransactWriteItem>, Error> {
        let item = if self.first { self.record_first(channel, seq) } else { self.record_further(channel, seq) };
        Ok(vec![item?])
    }
}

impl IdempotencyWrite<'_> {
    /// That the notification went to the schedule, as part of a transaction. Fails where the key is known.
    ///
    /// # Errors
    /// None that a caller could mend.
    pub fn scheduled(&self) -> Result<TransactWriteItem, Error> {
        self.put(&IdempotencyRecord { scheduled: true, ..self.sent.clone() })
    }

    fn record_first(&self, channel: &Channel, seq: Seq) -> Result<TransactWriteItem, Error> {
        let mut sent = self.sent.clone();
        sent.channels.insert(channel.clone(), seq);
        self.put(&sent)
    }

    fn put(&self, sent: &IdempotencyRecord) -> Result<TransactWriteItem, Error> {
        let row = IdempotencyRow { key: self.key.clone(), v: VERSION, sent };
        let put = Put::builder()
            .table_name(self.table)
            .set_item(Some(to_row(&row)?))
            .condition_expression("attribute_not_exists(#key) OR expires_at <= :now")
            .expression_attribute_names("#key", "key")
            .expression_attribute_values(":now", number(self.now))
            .build();
        Ok(TransactWriteItem::builder().put(built(put)?).build())
    }

    fn record_further(&self, channel: &Channel, seq: Seq) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(self.table)
            .key("key", text(&self.key))
            .update_expression("SET channels.#channel = :seq")
            .condition_expression("id = :id AND attribute_not_exists(channels.#channel)")
            .expression_attribute_names("#channel", channel.as_str())
            .expression_attribute_values(":seq", number(seq))
            .expression_attribute_values(":id", text(&self.sent.id))
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }
}

/// A user's name has no `#`, so that no two pairs make the same key.
fn row_key(sub: &Sub, key: &IdempotencyKey) -> String {
    format!("idempotency#{sub}#{}", key.as_str())
}
