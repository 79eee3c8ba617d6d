//! Posting a notification to connections, with what comes of it.

use std::pin::pin;

use domain::channel::Channel;
use domain::share::{One, Part, Share, What};
use futures_util::stream::{Stream, StreamExt as _};

use super::close::{close, forget};
use crate::aws::management::{Management, Pace, Payload, Posted};
use crate::aws::queue::SharesQueue;
use crate::aws::subscribers::{ConnectionId, Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;

/// How many are posted to, or wait for another try, at once: a few that wait keep nobody from theirs.
const UNDER_WAY: usize = 256;

/// Posts to connections.
#[derive(Clone, Debug)]
pub(super) struct Pusher {
    subscribers: Subscribers,
    management: Management,
    queue: SharesQueue,
}

/// A notification, ready to be posted.
#[derive(Clone, Debug)]
pub(super) struct Push<'a> {
    pub(super) channel: &'a Channel,
    pub(super) what: What,
    pub(super) frame: Payload,
}

impl Push<'_> {
    /// A part of the audience, for a queue.
    pub(super) fn share(&self, part: Part) -> Share {
        Share { channel: self.channel.clone(), what: self.what.clone(), part }
    }
}

impl Pusher {
    pub(super) fn new(subscribers: Subscribers, management: Management, queue: SharesQueue) -> Self {
        Self { subscribers, management, queue }
    }

    /// Posts to all of these, and says how many took it; in an inbox, how many of its owner's. When this succeeds, each of the
    /// others is gone, was cut, or has it queued.
    ///
    /// # Errors
    /// Somebody may not have been told.
    pub(super) async fn push(
        &self,
        push: &Push<'_>,
        to: impl Stream<Item = Result<Subscriber, Error>>,
        pace: Option<&Pace>,
    ) -> Result<usize, Error> {
        let posts = to.map(|subscriber| async { self.post_or_queue(push, &subscriber?, pace).await });
        let mut posts = pin!(posts.buffer_unordered(UNDER_WAY));
        let (mut delivered, mut failed) = (0, None);
        // Everybody is tried, also when somebody's turn fails: a failure is told only afterwards.
        while let Some(post) = posts.next().await {
            match post {
                Ok(is_delivered) => delivered += usize::from(is_delivered),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(delivered), Err)
    }

    /// Whether it was delivered, to a connection that counts. One that did not take it is queued to be posted to again.
    async fn post_or_queue(&self, push: &Push<'_>, to: &Subscriber, pace: Option<&Pace>) -> Result<bool, Error> {
        let posted = self.post(push, to, pace).await?;
        let one = One { connection: to.connection.0.clone(), tries: 0 };
        if posted == Some(Posted::Slow)
            && let Some((one, due)) = one.again(clock::now())
        {
            Box::pin(self.queue.send_all(&[push.share(Part::One(one))], due)).await?;
        }
        Ok(posted == Some(Posted::Delivered) && !to.is_guest)
    }

    /// Posts once more to one that did not take it, if it still listens. After some tries it is cut, so that its client comes back
    /// and catches up.
    ///
    /// # Errors
    /// Neither was done.
    pub(super) async fn push_again(&self, push: &Push<'_>, one: One, pace: &Pace) -> Result<(), Error> {
        let connection = ConnectionId(one.connection.clone());
        let Some(subscriber) = self.subscribers.find(push.channel, &connection).await? else { return Ok(()) };
        if self.post(push, &subscriber, Some(pace)).await? != Some(Posted::Slow) {
            return Ok(());
        }
        if let Some((one, due)) = one.again(clock::now()) {
            return self.queue.send_all(&[push.share(Part::One(one))], due).await;
        }
        let connection = &subscriber.connection.0;
        tracing::warn!(connection, "a connection did not take a post, and is cut to catch up");
        close(&self.management, &self.subscribers, push.channel, &subscriber).await.map(drop)
    }

    /// `None` for one whose token has ended.
    async fn post(&self, push: &Push<'_>, to: &Subscriber, pace: Option<&Pace>) -> Result<Option<Posted>, Error> {
        if let Some(pace) = pace
            && !pace.turn().await
        {
            return Ok(Some(Posted::Slow));
        }
        // Only now: it has waited.
        if to.has_ended(clock::now()) {
            return Ok(Box::pin(self.end(push, to)).await);
        }
        let posted = self.management.post(&to.connection.0, &push.frame, pace).await?;
        if posted == Posted::Gone {
            // The next one who posts to it removes it as well.
            let _ = Box::pin(forget(&self.subscribers, push.channel, to)).await.inspect_err(Error::log);
        }
        Ok(Some(posted))
    }

    /// Closes the connection of one whose token has ended: its client needs a new one, and catches up with it. It counts as slow
    /// if that fails.
    async fn end(&self, push: &Push<'_>, to: &Subscriber) -> Option<Posted> {
        let closed = close(&self.management, &self.subscribers, push.channel, to).await.inspect_err(Error::log);
        closed.is_err().then_some(Posted::Slow)
    }
}
