//! Pushing one notification to everybody who listens to a channel: to connections at once, to endpoints by their queue.

use futures_util::stream::{self, StreamExt as _};

use super::close::{close, forget};
use crate::aws::management::{Management, Posted};
use crate::aws::queue::EndpointsQueue;
use crate::aws::subscribers::{Listed, Subscriber, Subscribers};
use crate::domain::channel::Channel;
use crate::domain::endpoint::attempt::Attempt;
use crate::domain::item::{Item, frame};
use crate::domain::seq::Seq;
use crate::error::Error;

/// How many posts are under way at once. A slow connection holds one of these places and no other's.
const AT_ONCE: usize = 64;

/// Who to push to.
#[derive(Clone, Debug)]
pub struct FanOut {
    subscribers: Subscribers,
    management: Management,
    endpoints: EndpointsQueue,
}

/// Who was pushed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The live connections that were given it.
    pub connections: usize,
    /// The endpoints that it goes to.
    pub endpoints: usize,
}

impl FanOut {
    /// Pushes to these subscribers, through this API and this queue.
    #[must_use]
    pub fn new(subscribers: Subscribers, management: Management, endpoints: EndpointsQueue) -> Self {
        Self { subscribers, management, endpoints }
    }

    /// Pushes a notification to a channel's subscribers: to every live connection; and, if it has a place in the log, to
    /// the endpoints that want it. When this succeeds, each connection that was not given it is gone or was cut, so that it
    /// comes back and catches up; and for each endpoint it is queued.
    ///
    /// # Errors
    /// Somebody may not have been told; the sender has to send again.
    pub async fn push(&self, channel: &Channel, seq: Option<Seq>, item: &Item) -> Result<Pushed, Error> {
        let frame = frame(channel, &[item.to_json(seq)]);
        let (mut connections, mut listed) = (0, Vec::new());
        let mut from = None;
        loop {
            let page = self.subscribers.page(channel, from).await?;
            connections += self.push_page(channel, page.subscribers, &frame).await?;
            listed.extend(page.endpoints);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        let endpoints = match seq {
            Some(seq) if !listed.is_empty() => self.queue(channel, seq, item, &listed, connections).await?,
            _ => 0,
        };
        Ok(Pushed { connections, endpoints })
    }

    /// Only now, since it is known how many connections took it.
    async fn queue(
        &self,
        channel: &Channel,
        seq: Seq,
        item: &Item,
        listed: &[Listed],
        connections: usize,
    ) -> Result<usize, Error> {
        let priority = item.priority();
        let takers = listed.iter().filter(|listed| listed.filter.takes(priority, connections));
        let attempts: Vec<Attempt> =
            takers.map(|listed| Attempt::first(channel, &listed.id, seq, listed.replays)).collect();
        self.endpoints.send_all(&attempts).await?;
        Ok(attempts.len())
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
