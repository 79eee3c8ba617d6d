//! Serving a segment of a large audience.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::item::frame;
use domain::segment::{NotificationSource, OWN, Range, Segment, SegmentJob, is_time_for_a_page};
use domain::time::Seconds;
use futures_util::stream::{self, TryStreamExt as _};
use tokio::time::Instant;

use super::push::{PreparedPush, Pusher, Run};
use crate::aws::log::Log;
use crate::aws::management::{Management, Payload, RateLimiter};
use crate::aws::queue::SegmentsQueue;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;
use crate::settings::RateSettings;

/// Serves segments.
#[derive(Debug)]
pub struct SegmentServer {
    subscribers: Subscribers,
    queue: SegmentsQueue,
    log: Log,
    pusher: Pusher,
    limiter: RateLimiter,
}

impl SegmentServer {
    /// Keeps to this rate limiter.
    #[must_use]
    pub fn new(
        subscribers: Subscribers,
        management: Management,
        queue: SegmentsQueue,
        log: Log,
        RateSettings { interval, processes }: RateSettings,
    ) -> Self {
        let pusher = Pusher::new(subscribers.clone(), management, queue.clone(), Some(processes));
        Self { subscribers, queue, log, pusher, limiter: RateLimiter::new(interval) }
    }

    /// Serves a segment: all of it is posted to when this succeeds, or queued.
    ///
    /// # Errors
    /// Some may not have it; SQS has to deliver the message again.
    pub async fn serve(&self, job: &SegmentJob, until: Instant) -> Result<(), Error> {
        let Some(frame) = self.frame(job).await? else { return Ok(()) };
        let push = PreparedPush { channel: &job.channel, source: job.source.clone(), frame, refused: job.refused };
        match &job.segment {
            Segment::One(one) => self.pusher.push_again(&push, one.clone(), &self.limiter).await,
            Segment::Range(range) | Segment::Piece(range) => self.serve_range(&push, range.clone(), until).await,
        }
    }

    /// The frame to post; nothing, if nobody could see it any more.
    async fn frame(&self, job: &SegmentJob) -> Result<Option<Payload>, Error> {
        let item = match &job.source {
            NotificationSource::Item(item) => item.clone(),
            NotificationSource::Seq(seq) => {
                let now = clock::now().seconds();
                let row = self.log.get(&job.channel, *seq).await?;
                let is_seen = |hides_at: Option<Seconds>| hides_at.is_none_or(|hides_at| hides_at > now);
                match row.filter(|row| row.expires_at() > now && is_seen(row.hides_at())) {
                    Some(row) => row.to_json(),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Payload::new(frame(&job.channel, &[item]))))
    }

    async fn serve_range(&self, push: &PreparedPush<'_>, range: Range, until: Instant) -> Result<(), Error> {
        let (run, left) = (Run::new(push.refused), UnreadRange(Mutex::new(Some(range.clone()))));
        let pages = stream::try_unfold((), |()| async {
            let page = self.page(push, &run, &left, until).await?;
            Ok::<_, Error>(page.map(|page| (page, ())))
        });
        let connections = pages.map_ok(stream::iter).try_flatten();
        let outcome = self.pusher.push(push, &run, connections, Some(&self.limiter)).await?;
        let is_open = left.lock().is_some();
        self.pusher.queue_rest(push, &range, is_open, outcome).await.map(drop)
    }

    /// The connections of the next page of what is left, a row that cannot be read among them. What is more than one worker's is
    /// handed on first, so that others begin with it; and what there is no time for is handed on as well. What is left when the push
    /// stops stays there.
    async fn page(
        &self,
        push: &PreparedPush<'_>,
        run: &Run,
        left: &UnreadRange,
        until: Instant,
    ) -> Result<Option<Vec<Result<Subscriber, Error>>>, Error> {
        let is_over = left.lock().is_none();
        if is_over || run.before_halt(self.limiter.until_near()).await.is_none() || run.has_stopped() {
            return Ok(None);
        }
        let Some(range) = left.lock().take() else { return Ok(None) };
        if !is_time_for_a_page(until.saturating_duration_since(Instant::now())) {
            return self.hand_on(push, vec![range]).await.map(|()| None);
        }
        let most = self.limiter.page();
        let limit = i32::try_from(most).unwrap_or(i32::MAX);
        let mut page = self.subscribers.page(push.channel, &range, limit).await?;
        // While posts are refused, nobody else is to begin with a part of it.
        let own = if self.pusher.is_refused() { usize::MAX } else { OWN };
        let next = range.after_page(most, page.last_connection(), own);
        self.hand_on(push, next.hand_on).await?;
        *left.lock() = next.go_on;
        let unreadable = page.check_whole().err();
        Ok(Some(page.subscribers.into_iter().map(Ok).chain(unreadable.map(Err)).collect()))
    }

    async fn hand_on(&self, push: &PreparedPush<'_>, ranges: Vec<Range>) -> Result<(), Error> {
        self.queue.send_all(ranges.into_iter().map(|range| push.job(range)).collect()).await
    }
}

/// The part of a range that was not read yet and that no other worker has.
struct UnreadRange(Mutex<Option<Range>>);

impl UnreadRange {
    fn lock(&self) -> MutexGuard<'_, Option<Range>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
