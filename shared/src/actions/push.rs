//! Posting a notification to connections, with what comes of it.

use std::pin::pin;

use futures_util::stream::{Stream, StreamExt as _};

use super::close::{close, forget};
use crate::aws::management::{Management, Pace, Payload, Posted};
use crate::aws::queue::SharesQueue;
use crate::aws::subscribers::{ConnectionId, Subscriber, Subscribers};
use crate::clock;
use crate::domain::channel::Channel;
use crate::domain::share::{One, Part, Share, What};
use crate::domain::time::Millis;
use crate::error::Error;

/// How many are posted to, or wait for another try, at once: a few that wait keep nobody from theirs.
const AT_ONCE: usize = 256;

/// The most messages that one request queues.
const BATCH: usize = 10;

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
    fn share(&self, part: Part) -> Share {
        Share { channel: self.channel.clone(), what: self.what.clone(), part }
    }
}

impl Pusher {
    pub(super) fn new(subscribers: Subscribers, management: Management, queue: SharesQueue) -> Self {
        Self { subscribers, management, queue }
    }

    /// Posts to all of these, and says to how many. When this succeeds, each of the others is gone, was cut, or has it queued.
    ///
    /// # Errors
    /// Somebody may not have been told.
    pub(super) async fn push(
        &self,
        push: &Push<'_>,
        to: impl Stream<Item = Result<Subscriber, Error>>,
        pace: Option<&Pace>,
    ) -> Result<usize, Error> {
        let posts = to.map(|subscriber| async {
            let subscriber = subscriber?;
            let posted = self.post(push, &subscriber, pace).await?;
            Ok::<_, Error>((subscriber, posted))
        });
        let mut posts = pin!(posts.buffer_unordered(AT_ONCE));
        let (mut slow, mut delivered, mut failed) = (Vec::new(), 0, None);
        // Everybody is tried, also when somebody's turn fails: a failure is told only afterwards.
        while let Some(post) = posts.next().await {
            match post {
                Ok((subscriber, Some(Posted::Slow))) => slow.push(subscriber),
                Ok((_, Some(Posted::Delivered))) => delivered += 1,
                Ok((_, Some(Posted::Gone) | None)) => {}
                Err(error) => failed = Some(error),
            }
            if slow.len() == BATCH {
                self.queue_again(push, std::mem::take(&mut slow)).await?;
            }
        }
        self.queue_again(push, slow).await?;
        failed.map_or(Ok(delivered), Err)
    }

    /// Has those who did not take it be posted to again.
    async fn queue_again(&self, push: &Push<'_>, slow: Vec<Subscriber>) -> Result<(), Error> {
        let now = clock::now();
        let first = |slow: Subscriber| One { connection: slow.connection.0, connected_at: slow.connected_at, tries: 0 };
        let again: Vec<(One, Millis)> = slow.into_iter().filter_map(|slow| first(slow).again(now)).collect();
        let Some((_, due)) = again.first() else { return Ok(()) };
        let due = *due;
        let shares: Vec<Share> = again.into_iter().map(|(one, _)| push.share(Part::One(one))).collect();
        self.queue.send_all(&shares, due).await
    }

    /// Posts once more to one that did not take it. After some tries it is cut, so that its client comes back and catches up.
    ///
    /// # Errors
    /// Neither was done.
    pub(super) async fn push_again(&self, push: &Push<'_>, one: One, pace: &Pace) -> Result<(), Error> {
        let connection = ConnectionId(one.connection.clone());
        let subscriber = Subscriber { connection, connected_at: one.connected_at, ended: false };
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
        if to.ended {
            if let Some(pace) = pace {
                pace.turn().await;
            }
            // Its client needs a new token, and catches up with it.
            close(&self.management, &self.subscribers, push.channel, to).await?;
            return Ok(None);
        }
        let posted = self.management.post(&to.connection.0, &push.frame, pace).await?;
        if posted == Posted::Gone {
            forget(&self.subscribers, push.channel, to).await?;
        }
        Ok(Some(posted))
    }
}
