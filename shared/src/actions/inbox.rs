//! The read mark of an inbox, and what is left to read.

use domain::channel::Channel;
use domain::claims::Claims;
use domain::refusal::{Code, Refusal};
use domain::seq::Seq;
use domain::unread::{counted, counted_from};
use serde::Serialize;

use super::Reading;
use crate::aws::allowances::Allowances;
use crate::aws::log::Log;
use crate::error::Error;

/// People's own channels.
#[derive(Clone, Debug)]
pub struct Inboxes {
    log: Log,
}

/// Up to where an inbox was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadMark {
    /// The inbox.
    pub channel: Channel,
    /// The newest seq that was read.
    pub seq: Seq,
    /// The count of unread notifications.
    pub unread: u64,
}

impl Inboxes {
    /// The inboxes in this log.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self { log }
    }

    /// Marks an inbox as read up to `seq`; or up to its newest, if that comes before. The mark never moves back.
    ///
    /// # Errors
    /// `forbidden` to all but the inbox's owner; `too_many_replays`.
    pub async fn mark_read(
        &self,
        allowances: &Allowances,
        reader: &Claims,
        channel: Channel,
        seq: Seq,
    ) -> Result<ReadMark, Error> {
        if channel != reader.inbox() {
            let reason = format!("only the owner of an inbox marks it as read; this token's is {}", reader.inbox());
            return Err(Refusal::field_with(Code::Forbidden, "channel", reason).into());
        }
        let reading = Reading::begin(allowances, &reader.sub).await?;
        let marked = Self::new(reading.of(&self.log)).mark(channel, seq).await;
        reading.end(marked).await
    }

    async fn mark(&self, channel: Channel, seq: Seq) -> Result<ReadMark, Error> {
        let newest = self.log.newest(&channel).await?;
        let seq = match seq.min(newest.map(|newest| newest.seq).unwrap_or_default()) {
            // It moves nothing: a channel never used stays without a row.
            Seq::ZERO => self.log.head(&channel).await?.read,
            seq => self.log.mark_read(&channel, seq).await?,
        };
        let unread = self.unread(&channel).await?;
        Ok(ReadMark { channel, seq, unread })
    }

    /// The number of notifications that an inbox's owner can see and has not read. Of those that have to be looked at, the newest 1,000 count.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn unread(&self, channel: &Channel) -> Result<u64, Error> {
        let (head, newest) = futures_util::try_join!(self.log.head_to_read(channel), self.log.newest(channel))?;
        let Some(newest) = newest.filter(|newest| newest.seq > head.read) else { return Ok(0) };
        let first = counted_from(head.read, newest.fleeting, head.head);
        let (oldest, seen) = futures_util::try_join!(
            self.oldest_from(channel, first, newest.seq),
            self.seen(channel, head.read, first, newest.seq),
        )?;
        Ok(counted(newest.seq, oldest) + seen)
    }

    async fn oldest_from(&self, channel: &Channel, first: Seq, newest: Seq) -> Result<Option<Seq>, Error> {
        if first > newest { Ok(None) } else { self.log.oldest_after(channel, Seq(first.0 - 1)).await }
    }

    /// The number of visible notifications behind the mark, up to where they are counted.
    async fn seen(&self, channel: &Channel, read: Seq, first: Seq, newest: Seq) -> Result<u64, Error> {
        let to = newest.min(Seq(first.0 - 1));
        if to <= read { Ok(0) } else { self.log.count_visible(channel, read, to).await }
    }
}
