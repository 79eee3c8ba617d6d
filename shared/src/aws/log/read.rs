//! Reading a log. Every read of notifications is consistent: a reader must not miss what a sender was told is stored.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use domain::append::Newest;
use domain::channel::Channel;
use domain::frame::Position;
use domain::replay::{self, Behind, Page, Reading, Row};
use domain::seq::Seq;
use domain::time::Millis;

use super::rows::Life;
use super::{Log, LogRow, NotificationRow};
use crate::aws::row::{Attributes, from_row, number, number_in, text};
use crate::clock;
use crate::error::Error;

/// To find the newest notifications that are to be seen, so many rows are read for each, and so many at least.
const NEWEST_READ: usize = 4;
const NEWEST_READ_AT_LEAST: usize = 400;

/// In so many answers of DynamoDB at most, of 1 MB each.
const NEWEST_ANSWERS: usize = 8;

impl Log {
    /// One notification, expired or not.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should, or this release cannot read the row.
    pub async fn get(&self, channel: &Channel, seq: Seq) -> Result<Option<NotificationRow>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("channel", text(channel.as_str()))
            .key("seq", number(seq))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of a notification"))?;
        answer.item.map(from_row).transpose()
    }

    /// What comes after a cursor: at most `limit` notifications, in order, and the cursor to go on with.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn read_after(&self, channel: &Channel, after: Seq, limit: usize) -> Result<Page<LogRow>, Error> {
        let mut again = false;
        loop {
            let (rows, cut) = self.rows_from(channel, after, limit).await?;
            let now = clock::now().seconds();
            match replay::behind(rows, Reading { after, now, cut, again }) {
                Behind::Page(Page { items, position }) if items.is_empty() && position.more && !position.recovered => {
                    return Ok(Page { items, position: self.skip_expired(channel, position.seq).await? });
                }
                Behind::Page(page) => return Ok(page),
                Behind::Nothing => {
                    if let Some(position) = self.nothing_behind(channel, after).await? {
                        return Ok(Page { items: Vec::new(), position });
                    }
                }
                Behind::Doubtful => again = true,
            }
        }
    }

    /// The newest notifications of a channel, at most `limit`, oldest first. Behind many that are not to be seen, some may be
    /// left out.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn read_newest(&self, channel: &Channel, limit: usize) -> Result<Page<LogRow>, Error> {
        let (mut read, mut from) = (Vec::new(), None);
        let most = (NEWEST_READ * limit).max(NEWEST_READ_AT_LEAST);
        let mut answers = 0;
        loop {
            answers += 1;
            // An answer of DynamoDB ends after 1 MB. Most logs have nothing that is not to be seen.
            let size = if read.is_empty() { limit } else { most - read.len() };
            let query = self.query(channel, Seq(1)).scan_index_forward(false).limit(page_size(size));
            let answer = query.set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(Error::call("Query of the newest notifications"))?;
            self.meter.add(answer.consumed_capacity());
            read.extend(rows(answer.items)?);
            from = answer.last_evaluated_key;
            let mut page = replay::newest(read.clone(), clock::now().seconds());
            if page.items.len() >= limit || read.len() >= most || from.is_none() || answers == NEWEST_ANSWERS {
                page.items.drain(..page.items.len().saturating_sub(limit));
                return Ok(page);
            }
        }
    }

    /// The log's newest row, expired or not.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn newest(&self, channel: &Channel) -> Result<Option<Newest>, Error> {
        // From seq 1: the channel's own row, at 0, is none of the log's.
        let query = self.query(channel, Seq(1)).scan_index_forward(false).limit(1);
        let answer = query.send().await.map_err(Error::call("Query of the newest row"))?;
        self.meter.add(answer.consumed_capacity());
        let row = answer.items.and_then(|mut items| items.pop());
        row.map(|row| newest_of(&row, self.rules.retention)).transpose()
    }

    /// Whether there is anything behind a seq, as far as is known: it may be told a moment late.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn peek(&self, channel: &Channel, after: Seq) -> Result<bool, Error> {
        let query = self.query(channel, after.next()).consistent_read(false).limit(1).projection_expression("seq");
        let answer = query.send().await.map_err(Error::call("Query whether there is anything new"))?;
        Ok(answer.count > 0)
    }

    /// Steps over what has expired behind a cursor without reading it.
    async fn skip_expired(&self, channel: &Channel, after: Seq) -> Result<Position, Error> {
        let seq = match self.oldest_after(channel, after).await? {
            Some(oldest) => Seq(oldest.0 - 1),
            None => self.newest(channel).await?.map_or(after, |newest| newest.seq.max(after)),
        };
        Ok(Position { seq, recovered: false, more: true, reset: false })
    }

    /// The row at the cursor, up to `limit` behind it, and whether there may be more.
    async fn rows_from(&self, channel: &Channel, after: Seq, limit: usize) -> Result<(Vec<LogRow>, bool), Error> {
        let query = self.query(channel, after.max(Seq(1))).limit(page_size(limit + 2));
        let answer = query.send().await.map_err(Error::call("Query behind a cursor"))?;
        self.meter.add(answer.consumed_capacity());
        let mut rows = rows(answer.items)?;
        let behind = rows.iter().filter(|row| row.seq() > after).count();
        rows.truncate(rows.len() - behind.saturating_sub(limit));
        Ok((rows, behind > limit || answer.last_evaluated_key.is_some()))
    }

    /// Where a reader stands who has nothing behind their cursor; `None` if something was written there meanwhile.
    async fn nothing_behind(&self, channel: &Channel, after: Seq) -> Result<Option<Position>, Error> {
        let head = self.head_to_read(channel).await?.head;
        let newest = self.newest(channel).await?;
        if newest.is_some_and(|newest| newest.seq > after) {
            return Ok(None);
        }
        Ok(Some(replay::nothing_behind(after, newest, head, clock::now().seconds())))
    }

    pub(super) fn query(&self, channel: &Channel, from: Seq) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("channel = :channel AND seq >= :from")
            .expression_attribute_values(":channel", text(channel.as_str()))
            .expression_attribute_values(":from", number(from))
            .consistent_read(true)
            .set_return_consumed_capacity(self.meter.asks())
    }
}

fn rows(items: Option<Vec<Attributes>>) -> Result<Vec<LogRow>, Error> {
    items.unwrap_or_default().into_iter().map(LogRow::from_row).collect()
}

/// What a row says of its log. The row of a later release has its place and its expiry; the rest is taken as if this one had
/// written it.
pub(super) fn newest_of(row: &Attributes, retention: i64) -> Result<Newest, Error> {
    let seq = number_in(row, "seq").map(Seq).ok_or_else(|| Error::Unreadable("a row has no seq".to_owned()))?;
    // Behind a row that has none, a log does not go on.
    let Life { expires_at, kept_until } = Life::of(row).unwrap_or(Life { expires_at: 0, kept_until: 0 });
    let sent_at = number_in(row, "sent_at").unwrap_or((expires_at - retention) * 1000);
    let closes = row.get("closes").and_then(|closes| closes.as_bool().ok()).copied().unwrap_or_default();
    // A release that does not say it may have written any such row.
    let fleeting = number_in(row, "fleeting").map_or(seq, Seq);
    Ok(Newest { seq, expires_at, kept_until, sent_at: Millis(sent_at), closes, fleeting })
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}
