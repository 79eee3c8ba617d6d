//! The changes in the transaction of an append: the notification is sent, and its series goes on.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use domain::channel::Channel;
use domain::schedule::state::Stage;
use domain::seq::Seq;
use domain::time::Millis;

use super::{Schedule, Scheduled};
use crate::aws::log::CompanionWrite;
use crate::aws::row::{built, number, text};
use crate::error::Error;

/// That a channel has a scheduled notification. Fails where it has it already, or it or its series is cancelled.
#[derive(Debug)]
pub struct SentChannelWrite<'a> {
    /// The table.
    pub schedule: &'a Schedule,
    /// The notification, as it was read.
    pub row: &'a Scheduled,
    /// When it is sent; the same for all channels.
    pub sent_at: Millis,
    /// The next one of the series, written with the first channel. What it says is written already.
    pub next: Option<&'a Scheduled>,
}

impl CompanionWrite for SentChannelWrite<'_> {
    fn items(&self, channel: &Channel, seq: Seq) -> Result<Vec<TransactWriteItem>, Error> {
        let mut items = vec![self.sent(channel, seq)?];
        if let Some(next) = self.next {
            items.extend(self.schedule.write_next(self.row, next)?);
        } else if let Some(part) = &self.row.series
            && self.row.sent_at.is_none()
        {
            items.push(self.schedule.require_active(part.id)?);
        }
        Ok(items)
    }
}

impl SentChannelWrite<'_> {
    fn sent(&self, channel: &Channel, seq: Seq) -> Result<TransactWriteItem, Error> {
        let first = self.row.sent_at.is_none();
        let sent_at = if first { "attribute_not_exists(sent_at)" } else { "sent_at = :sent_at" };
        let next = if self.next.is_some() { ", series.#next = :next" } else { "" };
        let update = Update::builder()
            .table_name(&self.schedule.table)
            .set_key(Some(self.schedule.key(self.row.id).into()))
            .update_expression(format!("SET sent.#channel = :seq, sent_at = :sent_at{next} REMOVE dead_lettered_at"))
            .condition_expression(format!(
                "stage <> :cancelled AND {sent_at} AND attribute_exists(sent) AND attribute_not_exists(sent.#channel)"
            ))
            .expression_attribute_names("#channel", channel.as_str())
            .expression_attribute_values(":seq", number(seq))
            .expression_attribute_values(":sent_at", number(self.sent_at.0))
            .expression_attribute_values(":cancelled", text(Stage::Cancelled.as_str()));
        let update = match self.next {
            Some(next) => update
                .expression_attribute_names("#next", "next")
                .expression_attribute_values(":next", text(next.id.to_string())),
            None => update,
        };
        Ok(TransactWriteItem::builder().update(built(update.build())?).build())
    }
}

impl Schedule {
    /// The next notification of a series, and the series' own row.
    pub(super) fn write_next(&self, this: &Scheduled, next: &Scheduled) -> Result<Vec<TransactWriteItem>, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(next.to_row()?))
            .condition_expression("attribute_not_exists(id)")
            .build();
        let put = TransactWriteItem::builder().put(built(put)?).build();
        let advance = this.series.as_ref().map(|part| self.advance(part.id, this.id, next.id)).transpose()?;
        Ok(std::iter::once(put).chain(advance).collect())
    }
}
