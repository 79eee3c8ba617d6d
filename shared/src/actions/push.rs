//! Posting a notification to connections, with what comes of it.

mod removals;
mod run;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::channel::Channel;
use domain::connection::ConnectionId;
use domain::segment::{NotificationSource, Range, Segment, SegmentJob, SingleConnection, Wait};
use futures_util::stream::{FuturesUnordered, Stream, StreamExt as _};
use tokio::time::Instant;

use super::close::close;
use crate::aws::management::{Management, Payload, PostResult, RateLimiter, To};
use crate::aws::queue::SegmentsQueue;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;
use removals::Removals;
use run::PostRight;
pub(super) use run::Run;

/// The connections that are posted to, or wait for another try, at once: a few that wait keep no other from its post.
const UNDER_WAY: usize = 256;

/// So many that did not take it are queued together; earlier, if the first of them has waited for a while.
const TOGETHER: usize = 10;
const A_WHILE: Duration = Duration::from_secs(1);

/// Posts to connections.
#[derive(Clone, Debug)]
pub(super) struct Pusher {
    subscribers: Subscribers,
    management: Management,
    queue: SegmentsQueue,
    removals: Arc<Removals>,
}

/// A notification, ready to be posted.
#[derive(Clone, Debug)]
pub(super) struct PreparedPush<'a> {
    pub(super) channel: &'a Channel,
    pub(super) source: NotificationSource,
    pub(super) frame: Payload,
    /// The number of times in a row that its posts were refused.
    pub(super) refused: usize,
}

/// The result of a connection's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionPostResult {
    /// It was posted to.
    Posted(PostResult),
    /// Its token has ended, so that it was closed.
    Closed,
    /// It was not posted to: it had no turn, or the push has stopped.
    Untried,
}

/// The result of a push.
#[derive(Debug, Default)]
pub(super) struct PushResult {
    /// The connections that took it; in an inbox, those of its owner.
    pub(super) delivered: usize,
    /// Whether it waits in the queue for some.
    pub(super) is_queued: bool,
    /// The highest sort key that was posted to.
    tried: Option<String>,
    /// Whether all of those were refused.
    is_refused: bool,
    /// Those that were refused, and are not queued yet.
    refused: Vec<ConnectionId>,
    /// Those that were not posted to.
    untried: Vec<ConnectionId>,
    /// The connections that gave no answer and are to be queued.
    silent: Vec<(SegmentJob, Wait)>,
    /// When the first of what is to be queued came.
    since: Option<Instant>,
}

impl PreparedPush<'_> {
    /// A part of the audience, for a queue.
    pub(super) fn job(&self, segment: impl Into<Segment>) -> SegmentJob {
        SegmentJob { channel: self.channel.clone(), source: self.source.clone(), segment: segment.into(), refused: 0 }
    }

    /// A part of the audience, for when posts are taken again; whether `some` were taken. Nothing once it was refused for so long
    /// that it is given up.
    fn later(&self, segment: impl Into<Segment>, some: bool) -> Option<(SegmentJob, Wait)> {
        let later = SegmentJob { refused: self.refused, ..self.job(segment) }.later(some);
        if later.is_none() {
            tracing::warn!("posts of a share were refused for so long that it is given up");
        }
        later
    }

    /// A connection that gave no answer, for later; nothing if it is to be closed.
    fn again(&self, one: SingleConnection) -> Option<(SegmentJob, Wait)> {
        one.again().map(|(one, wait)| (self.job(Segment::One(one)), wait))
    }
}

impl PushResult {
    fn new() -> Self {
        Self { is_refused: true, ..Self::default() }
    }

    fn record(&mut self, push: &PreparedPush<'_>, to: &Subscriber, came: ConnectionPostResult) {
        if came == ConnectionPostResult::Untried {
            return self.untried.push(to.connection.clone());
        }
        self.tried = self.tried.take().max(Some(to.connection.sort_key()));
        self.is_refused &= came == ConnectionPostResult::Posted(PostResult::Refused);
        self.delivered += usize::from(came == ConnectionPostResult::Posted(PostResult::Delivered) && !to.is_guest);
        match came {
            ConnectionPostResult::Posted(PostResult::Refused) => self.refused.push(to.connection.clone()),
            ConnectionPostResult::Posted(PostResult::Silent) => {
                self.silent.extend(push.again(SingleConnection::untried(to.connection.clone())));
            }
            _ => return,
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// The part of a range that was not posted to: the rest behind those that were and, each by itself, the few before the last of those.
    fn rest(&self, push: &PreparedPush<'_>, range: &Range, is_open: bool) -> Vec<(SegmentJob, Wait)> {
        let tried = self.tried.as_deref();
        let untried: Vec<String> = self.untried.iter().map(ConnectionId::sort_key).collect();
        let last = untried.iter().max().map(String::as_str);
        let singly = self.untried.iter().zip(&untried).filter(|(_, key)| Some(key.as_str()) < tried);
        let singly = singly.map(|(to, _)| Segment::One(SingleConnection::untried(to.clone())));
        let rest = range.untried(tried, last, is_open).map(Segment::from);
        rest.into_iter().chain(singly).filter_map(|segment| push.later(segment, !self.is_refused)).collect()
    }

    /// Whether it is time to queue what did not take it. While all are refused it is not: they may be queued as one range.
    fn is_due(&self) -> bool {
        let count = self.refused.len() + self.silent.len();
        let has_waited = self.since.is_some_and(|since| since.elapsed() > A_WHILE);
        !self.is_refused && (count >= TOGETHER || has_waited)
    }

    /// The connections to queue, each by itself.
    fn take(&mut self, push: &PreparedPush<'_>) -> Vec<(SegmentJob, Wait)> {
        self.since = None;
        let refused = std::mem::take(&mut self.refused);
        let one = |to: ConnectionId| push.later(Segment::One(SingleConnection::untried(to)), !self.is_refused);
        std::mem::take(&mut self.silent).into_iter().chain(refused.into_iter().filter_map(one)).collect()
    }
}

impl Pusher {
    /// For one of so many processes that serve shares, or for a process that does not.
    pub(super) fn new(
        subscribers: Subscribers,
        management: Management,
        queue: SegmentsQueue,
        processes: Option<u32>,
    ) -> Self {
        let removals = Arc::new(Removals::new(subscribers.clone(), processes));
        Self { subscribers, management, queue, removals }
    }

    /// Whether the API served nobody lately.
    pub(super) fn is_refused(&self) -> bool {
        self.management.is_refusing_all()
    }

    /// Posts to all of these until the push stops. Those that did not take it, or were not posted to, are left to
    /// [`Pusher::queue_rest`].
    ///
    /// # Errors
    /// Some may not have it.
    pub(super) async fn push(
        &self,
        push: &PreparedPush<'_>,
        run: &Run,
        to: impl Stream<Item = Result<Subscriber, Error>>,
        limiter: Option<&RateLimiter>,
    ) -> Result<PushResult, Error> {
        let posts = to.map(|to| async {
            let to = to?;
            let came = self.post(push, run, &to, false, limiter).await?;
            Ok::<_, Error>((to, came))
        });
        let mut posts = pin!(posts.buffer_unordered(UNDER_WAY));
        let mut removals = FuturesUnordered::new();
        let (mut outcome, mut failed) = (PushResult::new(), None);
        // Everybody is tried, also when somebody's turn fails: a failure is returned only afterwards.
        loop {
            tokio::select! {
                post = posts.next() => match post {
                    None => break,
                    Some(Err(error)) => failed = Some(error),
                    Some(Ok((to, came))) => {
                        outcome.record(push, &to, came);
                        if came == ConnectionPostResult::Posted(PostResult::Gone) {
                            removals.extend(self.removals.remove(push.channel, to));
                        }
                    }
                },
                Some(()) = removals.next() => {}
            }
            if outcome.is_due() {
                failed = self.queue_each(push, &mut outcome).await.err().or(failed);
            }
        }
        while removals.next().await.is_some() {}
        failed.map_or(Ok(outcome), Err)
    }

    /// Queues what a push has left of a range: those that did not take it and, if it has stopped, the rest; where the range
    /// `is_open`, that is also what was not read of it. When this succeeds, each connection has taken it, is gone, was closed, or has
    /// it queued.
    ///
    /// # Errors
    /// Some may not have it.
    pub(super) async fn queue_rest(
        &self,
        push: &PreparedPush<'_>,
        range: &Range,
        is_open: bool,
        mut outcome: PushResult,
    ) -> Result<PushResult, Error> {
        let has_stopped = is_open || !outcome.untried.is_empty();
        // Nobody was served: all of it is one message. The second time it is not, so that a few connections that are always refused
        // are not in front of others for ever.
        if outcome.is_refused && push.refused == 0 && (has_stopped || self.is_refused()) {
            outcome.tried = None;
            outcome.untried.append(&mut outcome.refused);
        }
        if has_stopped || outcome.tried.is_none() {
            let jobs = outcome.rest(push, range, is_open);
            outcome.is_queued |= !jobs.is_empty();
            self.queue.send_later(jobs).await?;
        }
        self.queue_each(push, &mut outcome).await?;
        Ok(outcome)
    }

    async fn queue_each(&self, push: &PreparedPush<'_>, outcome: &mut PushResult) -> Result<(), Error> {
        let jobs = outcome.take(push);
        outcome.is_queued |= !jobs.is_empty();
        self.queue.send_later(jobs).await
    }

    /// Posts once more to one that did not take it, if it still listens. One that is refused waits for longer; one that gave no answer
    /// so often that it is enough is closed, so that its client comes back and catches up.
    ///
    /// # Errors
    /// Neither was done.
    pub(super) async fn push_again(
        &self,
        push: &PreparedPush<'_>,
        one: SingleConnection,
        limiter: &RateLimiter,
    ) -> Result<(), Error> {
        let Some(to) = self.subscribers.find(push.channel, &one.connection).await? else { return Ok(()) };
        let next = match self.post(push, &Run::new(0), &to, true, Some(limiter)).await? {
            ConnectionPostResult::Posted(PostResult::Delivered) | ConnectionPostResult::Closed => None,
            ConnectionPostResult::Posted(PostResult::Gone) => {
                if let Some(removal) = self.removals.remove(push.channel, to) {
                    removal.await;
                }
                None
            }
            ConnectionPostResult::Posted(PostResult::Silent) => {
                let again = push.again(one.clone());
                let is_done = again.is_none() && self.close(push, &to, limiter).await;
                if is_done { None } else { again.or_else(|| push.later(Segment::One(one), false)) }
            }
            ConnectionPostResult::Posted(PostResult::Refused) | ConnectionPostResult::Untried => {
                push.later(Segment::One(one), false)
            }
        };
        self.queue.send_later(next.into_iter().collect()).await
    }

    async fn post(
        &self,
        push: &PreparedPush<'_>,
        run: &Run,
        to: &Subscriber,
        is_known: bool,
        limiter: Option<&RateLimiter>,
    ) -> Result<ConnectionPostResult, Error> {
        let Some(entered) = run.enter(&self.management, limiter).await else {
            return Ok(ConnectionPostResult::Untried);
        };
        let PostRight { place, probe: _probe } = entered;
        // Only now: it has waited.
        if to.has_ended(clock::now()) {
            return Ok(Box::pin(self.end(push, to)).await);
        }
        let to = To { connection: &to.connection.0, is_known };
        let posted = self.management.post(place, to, &push.frame, limiter).await?;
        let goes_on = run.goes_on_after(posted, &self.management);
        if let Some(limiter) = limiter.filter(|_| !goes_on) {
            limiter.give_back();
        }
        Ok(ConnectionPostResult::Posted(posted))
    }

    /// Closes the connection of one whose token has ended: its client needs a new one, and catches up with it. If that fails, it is
    /// for later.
    async fn end(&self, push: &PreparedPush<'_>, to: &Subscriber) -> ConnectionPostResult {
        let closed = close(&self.management, &self.subscribers, push.channel, to).await.inspect_err(Error::log);
        if closed.is_ok() { ConnectionPostResult::Closed } else { ConnectionPostResult::Posted(PostResult::Refused) }
    }

    /// Whether a silent connection was closed.
    async fn close(&self, push: &PreparedPush<'_>, to: &Subscriber, limiter: &RateLimiter) -> bool {
        if !limiter.turn().await {
            return false;
        }
        let closed = close(&self.management, &self.subscribers, push.channel, to).await.inspect_err(Error::log);
        if closed.is_ok() {
            let connection = &to.connection.0;
            tracing::warn!(connection, "a connection gave no answer to its posts, and was closed to catch up");
        }
        closed.is_ok()
    }
}
