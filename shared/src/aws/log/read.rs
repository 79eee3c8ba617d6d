//! Reading a log. Every read of notifications is consistent: a reader must not miss a notification whose sender has an answer.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use domain::append::Newest;
use domain::channel::Channel;
use domain::frame::Position;
use domain::replay::{self, Behind, Reading, ReplayPage, Row};
use domain::seq::Seq;
use domain::time::{Millis, Seconds};

use super::rows::Life;
use super::{Log, LogRow, NotificationRow};
use crate::aws::row::{Attributes, from_row, number, number_in, text};
use crate::clock;
use crate::error::Error;

/// An answer is full with the notification that fills this many bytes: at 8 KB a second it comes within 40 s, and a reader that loses its
/// connection has lost no more than that.
const PORTION: usize = 256 * 1024;

/// So many rows behind a cursor are read at first. They say how many more fit an answer: a row that is read and left out is paid for
/// again.
const FIRST_READ: usize = 10;

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

    /// The notifications behind a cursor: at most `limit` notifications and some 256 KB, in order, and the cursor to go on with.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn read_after(&self, channel: &Channel, after: Seq, limit: usize) -> Result<ReplayPage<LogRow>, Error> {
        let mut again = false;
        loop {
            let (rows, has_more) = self.rows_from(channel, after, limit).await?;
            let now = clock::now().seconds();
            match replay::behind(rows, Reading { after, now, has_more, again }) {
                Behind::Page(ReplayPage { items, position })
                    if items.is_empty() && position.more && !position.recovered =>
                {
                    return Ok(ReplayPage { items, position: self.skip_expired(channel, position.seq).await? });
                }
                Behind::Page(page) => return Ok(page),
                Behind::Nothing => {
                    if let Some(position) = self.nothing_behind(channel, after).await? {
                        return Ok(ReplayPage { items: Vec::new(), position });
                    }
                }
                Behind::Doubtful => again = true,
            }
        }
    }

    /// The newest notifications of a channel, at most `limit`, oldest first; of large ones the first 256 KB, and the cursor to go on
    /// with. Behind many that are not to be seen, some may be left out.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn read_newest(&self, channel: &Channel, limit: usize) -> Result<ReplayPage<LogRow>, Error> {
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
                return Ok(first_portion(page));
            }
        }
    }

    /// The log's newest row, expired or not.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn newest(&self, channel: &Channel) -> Result<Option<Newest>, Error> {
        // From seq 1: the channel's own row, at 0, does not belong to the log.
        let query = self.query(channel, Seq(1)).scan_index_forward(false).limit(1);
        let answer = query.send().await.map_err(Error::call("Query of the newest row"))?;
        self.meter.add(answer.consumed_capacity());
        let row = answer.items.and_then(|mut items| items.pop());
        row.map(|row| newest_of(&row, self.rules.retention)).transpose()
    }

    /// Whether there is anything behind a seq, as far as is known: the answer may lag a moment.
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

    /// The row at the cursor, what fits an answer behind it, and whether there may be more.
    async fn rows_from(&self, channel: &Channel, after: Seq, limit: usize) -> Result<(Vec<LogRow>, bool), Error> {
        let most = limit + 2;
        let (mut rows, mut rest) = self.query_rows(channel, after, most.min(FIRST_READ), None).await?;
        let size: usize = rows.iter().map(LogRow::size).sum();
        if rest.is_some() && rows.len() < most && size < PORTION {
            let fit = (PORTION - size) / (size / rows.len().max(1)).max(1) + 1;
            let (more, next) = self.query_rows(channel, after, fit.min(most - rows.len()), rest).await?;
            rows.extend(more);
            rest = next;
        }
        let behind = rows.iter().filter(|row| row.seq() > after);
        let (count, fit) = (behind.clone().count(), fitting(behind).min(limit));
        rows.truncate(rows.len() - (count - fit));
        Ok((rows, count > fit || rest.is_some()))
    }

    /// At most `limit` rows at and behind a cursor, from a key on, and the key to go on with.
    async fn query_rows(
        &self,
        channel: &Channel,
        after: Seq,
        limit: usize,
        from: Option<Attributes>,
    ) -> Result<(Vec<LogRow>, Option<Attributes>), Error> {
        let query = self.query(channel, after.max(Seq(1))).limit(page_size(limit)).set_exclusive_start_key(from);
        let answer = query.send().await.map_err(Error::call("Query behind a cursor"))?;
        self.meter.add(answer.consumed_capacity());
        Ok((rows(answer.items)?, answer.last_evaluated_key))
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

/// The number of rows that fit one answer: one at least.
fn fitting<'a>(rows: impl Iterator<Item = &'a LogRow>) -> usize {
    let sizes = rows.scan(0, |before, row| Some(std::mem::replace(before, *before + row.size())));
    sizes.take_while(|before| *before < PORTION).count()
}

/// Leaves for the next answer what one does not take.
fn first_portion(mut page: ReplayPage<LogRow>) -> ReplayPage<LogRow> {
    let fit = fitting(page.items.iter());
    if fit < page.items.len() {
        page.items.truncate(fit);
        page.position.seq = page.items[fit - 1].seq();
        page.position.more = true;
    }
    page
}

/// The facts about its log that a row holds. The row of a later release has its place and its expiry; the rest is taken as if this one had
/// written it.
pub(super) fn newest_of(row: &Attributes, retention: i64) -> Result<Newest, Error> {
    let seq = number_in(row, "seq").map(Seq).ok_or_else(|| Error::Unreadable("a row has no seq".to_owned()))?;
    // Behind a row that has none, a log does not go on.
    let Life { expires_at, kept_until } =
        Life::of(row).unwrap_or(Life { expires_at: Seconds(0), kept_until: Seconds(0) });
    let sent_at = number_in(row, "sent_at").unwrap_or((expires_at - retention).millis().0);
    let closes = row.get("closes").and_then(|closes| closes.as_bool().ok()).copied().unwrap_or_default();
    // A release that does not say it may have written any such row.
    let fleeting = number_in(row, "fleeting").map_or(seq, Seq);
    Ok(Newest { seq, expires_at, kept_until, sent_at: Millis(sent_at), closes, fleeting })
}

fn page_size(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}
