//! Looking at a channel.

use domain::channel::Channel;
use domain::claims::Claims;
use domain::seq::Seq;
use serde::Serialize;

use super::{Inboxes, Reading};
use crate::aws::allowances::Allowances;
use crate::aws::log::Log;
use crate::aws::subscribers::Subscribers;
use crate::error::Error;

/// Connections, and endpoints, are counted up to this.
const MOST: usize = 1000;

/// All channels.
#[derive(Clone, Debug)]
pub struct Channels {
    log: Log,
    subscribers: Subscribers,
    allowances: Allowances,
}

/// The state of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelState {
    /// The channel.
    pub channel: Channel,
    /// Its newest seq; 0 in a channel never used.
    pub seq: Seq,
    /// The oldest seq that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest: Option<Seq>,
    /// Live connections, counted to 1,000.
    pub connections: usize,
    /// Endpoints, counted to 1,000.
    pub endpoints: usize,
    /// The unread notifications. Inboxes only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
}

impl Channels {
    /// The channels of these logs and subscribers, looked at within each user's allowance.
    #[must_use]
    pub fn new(log: Log, subscribers: Subscribers, allowances: Allowances) -> Self {
        Self { log, subscribers, allowances }
    }

    /// The state of a channel.
    ///
    /// # Errors
    /// `forbidden` to those who may not read it; `too_many_replays`.
    pub async fn look(&self, reader: &Claims, channel: Channel) -> Result<ChannelState, Error> {
        reader.check_read(&channel, "channel")?;
        let reading = Reading::begin(&self.allowances, &reader.sub).await?;
        let state = self.state(&reading.of(&self.log), channel).await;
        reading.end(state).await
    }

    async fn state(&self, log: &Log, channel: Channel) -> Result<ChannelState, Error> {
        let (newest, oldest, connections, endpoints) = futures_util::try_join!(
            log.newest(&channel),
            log.oldest_after(&channel, Seq::ZERO),
            self.subscribers.count(&channel, MOST),
            self.subscribers.count_endpoints(&channel, MOST),
        )?;
        let seq = newest.map_or(Seq::ZERO, |newest| newest.seq);
        let unread = if channel.is_inbox() { Some(Inboxes::new(log.clone()).unread(&channel).await?) } else { None };
        Ok(ChannelState { channel, seq, oldest, connections, endpoints, unread })
    }
}
