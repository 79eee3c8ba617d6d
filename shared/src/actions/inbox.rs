//! The read mark of an inbox, and what is left to read.

use domain::channel::Channel;
use domain::claims::Claims;
use domain::frame::Position;
use domain::refusal::{Code, Refusal};
use domain::seq::Seq;
use domain::unread::unread;
use serde::Serialize;

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
    /// What is left to read.
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
    /// `forbidden` to all but the inbox's owner.
    pub async fn mark_read(&self, reader: &Claims, channel: Channel, seq: Seq) -> Result<ReadMark, Error> {
        if channel != reader.inbox() {
            let reason = format!("only the owner of an inbox marks it as read; this token's is {}", reader.inbox());
            return Err(Refusal::field_with(Code::Forbidden, "channel", reason).into());
        }
        let newest = self.log.newest(&channel).await?.map_or(Seq::ZERO, |newest| newest.seq);
        let seq = match seq.min(newest) {
            // It moves nothing: a channel never used stays without a row.
            Seq::ZERO => self.log.head(&channel).await?.read,
            seq => self.log.mark_read(&channel, seq).await?,
        };
        let unread = self.unread(&channel, newest).await?;
        Ok(ReadMark { channel, seq, unread })
    }

    /// What an inbox's owner has not read, given where an answer leaves them.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn unread_at(&self, channel: &Channel, position: Position) -> Result<u64, Error> {
        let newest = match position.more {
            true => self.log.newest(channel).await?.map_or(position.seq, |newest| newest.seq),
            false => position.seq,
        };
        self.unread(channel, newest).await
    }

    /// What an inbox's owner has not read, given its newest seq.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn unread(&self, channel: &Channel, newest: Seq) -> Result<u64, Error> {
        let head = self.log.head(channel).await?;
        if head.read >= newest {
            return Ok(0);
        }
        let oldest = self.log.oldest_after(channel, head.read).await?;
        Ok(unread(newest, oldest, head.head))
    }
}
