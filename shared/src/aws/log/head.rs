//! A channel's own row, at seq 0: its generation and, in an inbox, the read mark.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::append::{Generation, Head};
use domain::channel::Channel;
use domain::seq::Seq;
use serde::Deserialize;

use super::Log;
use crate::aws::row::{VERSION, from_row, number, past_conflicts, text};
use crate::error::Error;

/// The channel's own row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelHead {
    /// The log's generation.
    pub head: Head,
    /// Up to where the inbox's owner has read.
    pub read: Seq,
}

#[derive(Deserialize)]
struct HeadRow {
    generation: Option<u64>,
    start: Option<Seq>,
    read: Option<Seq>,
}

impl From<HeadRow> for ChannelHead {
    fn from(row: HeadRow) -> Self {
        let generation = row.generation.zip(row.start).map(|(number, start)| Generation { number, start });
        Self { head: Head { generation }, read: row.read.unwrap_or_default() }
    }
}

impl Log {
    /// The part of a channel's own row that a reader needs; consistently. Where a later release has written it, all counts as unread.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn head_to_read(&self, channel: &Channel) -> Result<ChannelHead, Error> {
        match self.head(channel).await {
            Err(error @ Error::Unreadable(_)) => {
                error.log();
                Ok(ChannelHead::default())
            }
            head => head,
        }
    }

    /// Reads a channel's own row; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should, or this release cannot read the row.
    pub async fn head(&self, channel: &Channel) -> Result<ChannelHead, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("channel", text(channel.as_str()))
            .key("seq", number(0))
            .consistent_read(true)
            .set_return_consumed_capacity(self.meter.asks())
            .send()
            .await
            .map_err(Error::call("GetItem of a channel's row"))?;
        self.meter.add(answer.consumed_capacity());
        answer.item.map_or(Ok(ChannelHead::default()), |row| Ok(from_row::<HeadRow>(row)?.into()))
    }

    /// Moves the read mark forward to `seq` and answers where it stands: further, if it stood further.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn mark_read(&self, channel: &Channel, seq: Seq) -> Result<Seq, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("channel", text(channel.as_str()))
            .key("seq", number(0))
            .update_expression("SET #read = :seq, v = if_not_exists(v, :v)")
            .condition_expression("attribute_not_exists(#read) OR #read < :seq")
            .expression_attribute_names("#read", "read")
            .expression_attribute_values(":seq", number(seq))
            .expression_attribute_values(":v", number(VERSION))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let answer = past_conflicts(|| request.clone().send()).await;
        match answer {
            Ok(_) => Ok(seq),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => {
                let UpdateItemError::ConditionalCheckFailedException(failed) = error.into_err() else {
                    return Ok(seq);
                };
                let row = from_row::<HeadRow>(failed.item.unwrap_or_default())?;
                Ok(ChannelHead::from(row).read)
            }
            Err(error) => Err(Error::call("UpdateItem of a read mark")(error)),
        }
    }
}
