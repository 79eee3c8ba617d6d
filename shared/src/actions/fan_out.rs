//! Pushing one frame to everybody who listens to a channel.

use futures_util::stream::{self, StreamExt as _};

use super::close::{close, forget};
use crate::aws::management::{Management, Posted};
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::domain::channel::Channel;
use crate::error::Error;

/// How many posts are under way at once. A slow connection holds one of these places and no other's.
const AT_ONCE: usize = 64;

/// Who to push to.
#[derive(Clone, Debug)]
pub struct FanOut {
    subscribers: Subscribers,
    management: Management,
}

impl FanOut {
    /// Pushes to these subscribers through this API.
    #[must_use]
    pub fn new(subscribers: Subscribers, management: Management) -> Self {
        Self { subscribers, management }
    }

    /// Pushes a frame to every live connection of a channel, and counts those that were given it. When this succeeds,
    /// each of the others is gone or was cut, so that it comes back and catches up.
    ///
    /// # Errors
    /// Somebody may not have been told; the sender has to send again.
    pub async fn push(&self, channel: &Channel, frame: &str) -> Result<usize, Error> {
        let mut connections = 0;
        let mut from = None;
        loop {
            let page = self.subscribers.page(channel, from).await?;
            connections += self.push_page(channel, page.subscribers, frame).await?;
            from = page.next;
            if from.is_none() {
                return Ok(connections);
            }
        }
    }

    /// Everybody is tried, also when somebody's turn fails: a failure is told only afterwards.
    async fn push_page(&self, channel: &Channel, page: Vec<Subscriber>, frame: &str) -> Result<usize, Error> {
        let results: Vec<_> = stream::iter(page)
            .map(|subscriber| async move { self.push_one(channel, &subscriber, frame).await })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let delivered: Vec<bool> = results.into_iter().collect::<Result<_, _>>()?;
        Ok(delivered.into_iter().filter(|delivered| *delivered).count())
    }

    async fn push_one(&self, channel: &Channel, to: &Subscriber, frame: &str) -> Result<bool, Error> {
        if to.ended {
            // Its client needs a new token, and catches up with it.
            close(&self.management, &self.subscribers, channel, to).await?;
            return Ok(false);
        }
        let posted = self.management.post(&to.connection.0, frame).await?;
        match posted {
            Posted::Delivered => {}
            Posted::Gone => forget(&self.subscribers, channel, to).await?,
            Posted::Slow => {
                let connection = &to.connection.0;
                tracing::warn!(connection, "a connection did not take a post, and is cut to catch up");
                close(&self.management, &self.subscribers, channel, to).await?;
            }
        }
        Ok(posted == Posted::Delivered)
    }
}
