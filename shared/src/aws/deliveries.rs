//! Deliveries to endpoints, in the table *Schedule*: how far each has come, and what came of the last attempts.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, Select};
use domain::channel::Channel;
use domain::endpoint::attempt::{Attempt, Delivery, DeliveryEnd, NotNow};
use domain::endpoint::id::EndpointId;
use domain::seq::Seq;
use domain::time::Seconds;
use domain::time::{self, Millis};
use serde::{Deserialize, Serialize};

use super::row::{VERSION, from_row, number, past_conflicts, text, to_row};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a delivery is kept after it has changed, in seconds: longer than a queue keeps a message.
const KEPT: i64 = 15 * 24 * 60 * 60;

/// The time for which the result of an attempt is kept, in seconds.
const RECORDS_KEPT: i64 = 30 * 24 * 60 * 60;

/// The most attempts that an endpoint's owner sees.
const TOLD: i32 = 20;

/// All deliveries.
#[derive(Clone, Debug)]
pub struct Deliveries {
    client: Client,
    table: String,
}

/// The result of beginning an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginResult {
    /// It is ours to make.
    Yes,
    /// It is not to be made now.
    No(NotNow),
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptSettlement {
    /// There is none after it.
    Ended(DeliveryEnd),
    /// The next one is due then.
    Next(Millis),
    /// It was not made, and is due then.
    PutOff(Millis),
}

impl AttemptSettlement {
    /// Whether this is what a delivery's row says.
    fn is_in(self, attempt: &Attempt, known: &Delivery) -> bool {
        let (number, next_at, ended) = match self {
            Self::Ended(ended) => (attempt.number, None, Some(ended)),
            Self::Next(at) => (attempt.number, Some(at), None),
            Self::PutOff(at) => (attempt.number.saturating_sub(1), Some(at), None),
        };
        let said = Delivery { attempt: number, replay: attempt.replay, lease: None, next_at, ended };
        *known == said
    }
}

/// The record of an attempt, as an endpoint's owner sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// When it began.
    #[serde(serialize_with = "time::rfc3339", deserialize_with = "time::read_rfc3339")]
    pub at: Millis,
    /// The notification.
    pub seq: Seq,
    /// Its number, from 1.
    pub attempt: u32,
    /// The outcome: `delivered`, `failed`, `gone`, `refused`, `put_off` or `nothing_to_send`.
    pub outcome: String,
    /// The status of the answer, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was none, in a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The time that it took, in milliseconds.
    pub latency_ms: u64,
    /// The first characters of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct AttemptRecordRow {
    bucket: String,
    id: String,
    v: u8,
    expires_at: Seconds,
    #[serde(flatten)]
    record: AttemptRecord,
}

impl Deliveries {
    /// The deliveries in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Counts an attempt and keeps it for the caller until `lease`.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn begin(&self, attempt: &Attempt, lease: Millis, now: Millis) -> Result<BeginResult, Error> {
        let goes_on = "replay = :replay AND attribute_not_exists(ended) AND \
             ((attempt = :before AND attribute_exists(next_at)) OR (attempt = :attempt AND lease <= :now))";
        let begins = if attempt.number == 1 { "attribute_not_exists(id) OR replay < :replay OR " } else { "" };
        let request = self
            .update(attempt)
            .update_expression(
                "SET attempt = :attempt, replay = :replay, lease = :lease, v = :v, expires_at = :expires_at \
                 REMOVE next_at, ended",
            )
            .condition_expression(format!("{begins}({goes_on})"))
            .expression_attribute_values(":attempt", number(attempt.number))
            .expression_attribute_values(":before", number(attempt.number.saturating_sub(1)))
            .expression_attribute_values(":replay", number(attempt.replay))
            .expression_attribute_values(":lease", number(lease.0))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(BeginResult::Yes),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let known = failed.item.clone().map(from_row::<Delivery>).transpose()?;
                    Ok(BeginResult::No(known.map_or(NotNow::Over, |known| known.why_not(attempt))))
                }
                _ => Err(Error::call("UpdateItem that begins an attempt")(error)),
            },
        }
    }

    /// Notes what came of an attempt. `false` if its lease had ended and another has begun it meanwhile.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn settle(&self, attempt: &Attempt, settled: AttemptSettlement) -> Result<bool, Error> {
        let change = match settled {
            AttemptSettlement::Ended(_) => "SET ended = :value",
            AttemptSettlement::Next(_) => "SET next_at = :value",
            AttemptSettlement::PutOff(_) => "SET next_at = :value, attempt = :before",
        };
        let value = match settled {
            AttemptSettlement::Ended(ended) => serde_dynamo::to_attribute_value(ended)
                .map_err(|error| Error::Failed { call: "write a row", cause: error.to_string() })?,
            AttemptSettlement::Next(at) | AttemptSettlement::PutOff(at) => number(at.0),
        };
        let mut request = self
            .update(attempt)
            .update_expression(format!("{change} REMOVE lease"))
            .condition_expression("replay = :replay AND attempt = :attempt AND attribute_exists(lease)")
            .expression_attribute_values(":replay", number(attempt.replay))
            .expression_attribute_values(":attempt", number(attempt.number))
            .expression_attribute_values(":value", value)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if matches!(settled, AttemptSettlement::PutOff(_)) {
            request = request.expression_attribute_values(":before", number(attempt.number.saturating_sub(1)));
        }
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                // Our own write, tried again after an answer that got lost, is no other's.
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let known = failed.item.clone().map(from_row::<Delivery>).transpose()?;
                    Ok(known.is_some_and(|known| settled.is_in(attempt, &known)))
                }
                _ => Err(Error::call("UpdateItem that settles an attempt")(error)),
            },
        }
    }

    /// Writes the record of an attempt.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record(&self, attempt: &Attempt, record: AttemptRecord) -> Result<(), Error> {
        let row = AttemptRecordRow {
            bucket: records(&attempt.channel, &attempt.endpoint),
            id: format!("{:013}#{}#{}", record.at.0, record.seq, record.attempt),
            v: VERSION,
            expires_at: record.at.seconds() + RECORDS_KEPT,
            record,
        };
        let request = self.client.put_item().table_name(&self.table).set_item(Some(to_row(&row)?));
        request.send().await.map(drop).map_err(Error::call("PutItem of an attempt"))
    }

    /// The results of the last attempts at an endpoint, newest first.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn last(&self, channel: &Channel, endpoint: &EndpointId) -> Result<Vec<AttemptRecord>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#bucket = :bucket")
            .expression_attribute_names("#bucket", "bucket")
            .expression_attribute_values(":bucket", text(records(channel, endpoint)))
            .scan_index_forward(false)
            .limit(TOLD)
            .send()
            .await
            .map_err(Error::call("Query of attempts"))?;
        let read = |row| from_row::<AttemptRecordRow>(row).map(|row| row.record);
        let read = answer.items.unwrap_or_default().into_iter().map(read);
        Ok(read.filter_map(|record| record.inspect_err(Error::log).ok()).collect())
    }

    /// Whether an endpoint has taken anything since a moment, as far as attempts are on record.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn has_delivered(&self, channel: &Channel, endpoint: &EndpointId, since: Millis) -> Result<bool, Error> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#bucket = :bucket AND id >= :since")
            .filter_expression("outcome = :delivered")
            .expression_attribute_names("#bucket", "bucket")
            .expression_attribute_values(":bucket", text(records(channel, endpoint)))
            .expression_attribute_values(":since", text(format!("{:013}", since.0)))
            .expression_attribute_values(":delivered", text("delivered"))
            .select(Select::Count)
            .consistent_read(true);
        let mut from = None;
        loop {
            let page = query.clone().set_exclusive_start_key(from).send();
            let answer = page.await.map_err(Error::call("Query of attempts"))?;
            from = answer.last_evaluated_key;
            if answer.count > 0 || from.is_none() {
                return Ok(answer.count > 0);
            }
        }
    }

    fn update(&self, attempt: &Attempt) -> UpdateItemFluentBuilder {
        let key: [(String, AttributeValue); 2] = [
            ("bucket".to_owned(), text(format!("delivery#{}#{}", attempt.endpoint, attempt.channel))),
            ("id".to_owned(), text(format!("{:016}", attempt.seq.0))),
        ];
        self.client.update_item().table_name(&self.table).set_key(Some(key.into()))
    }
}

fn records(channel: &Channel, endpoint: &EndpointId) -> String {
    format!("attempts#{endpoint}#{channel}")
}
