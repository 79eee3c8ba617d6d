//! Serving a share of a large audience.

use std::time::Duration;

use domain::item::frame;
use domain::share::{OWN, Part, Range, Share, What, is_time_for_a_page};
use futures_util::stream::{self, TryStreamExt as _};
use tokio::time::Instant;

use super::push::{Push, Pusher};
use crate::aws::log::Log;
use crate::aws::management::{Management, Pace, Payload};
use crate::aws::queue::SharesQueue;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;

/// Serves shares.
#[derive(Debug)]
pub struct Sharer {
    subscribers: Subscribers,
    queue: SharesQueue,
    log: Log,
    pusher: Pusher,
    pace: Pace,
}

impl Sharer {
    /// Leaves so long between two posts at least.
    #[must_use]
    pub fn new(
        subscribers: Subscribers,
        management: Management,
        queue: SharesQueue,
        log: Log,
        every: Duration,
    ) -> Self {
        let pusher = Pusher::new(subscribers.clone(), management, queue.clone());
        Self { subscribers, queue, log, pusher, pace: Pace::new(every) }
    }

    /// Serves a share: all of it is posted to when this succeeds, or queued.
    ///
    /// # Errors
    /// Somebody may not have been told; the message has to come again.
    pub async fn serve(&self, share: &Share, until: Instant) -> Result<(), Error> {
        let Some(frame) = self.frame(share).await? else { return Ok(()) };
        let push = Push { channel: &share.channel, what: share.what.clone(), frame };
        match &share.part {
            Part::One(one) => self.pusher.push_again(&push, one.clone(), &self.pace).await,
            Part::Range(range) => self.serve_range(&push, range.clone(), until).await,
        }
    }

    /// What is posted; nothing, if nobody could see it any more.
    async fn frame(&self, share: &Share) -> Result<Option<Payload>, Error> {
        let item = match &share.what {
            What::Item(item) => item.clone(),
            What::Seq(seq) => {
                let now = clock::now().seconds();
                let row = self.log.get(&share.channel, *seq).await?;
                let is_seen = |hides_at: Option<i64>| hides_at.is_none_or(|hides_at| hides_at > now);
                match row.filter(|row| row.expires_at() > now && is_seen(row.hides_at())) {
                    Some(row) => row.to_json(),
                    None => return Ok(None),
                }
            }
        };
        Ok(Some(Payload::new(frame(&share.channel, &[item]))))
    }

    async fn serve_range(&self, push: &Push<'_>, range: Range, until: Instant) -> Result<(), Error> {
        let pages = stream::try_unfold(Some(range), |range| self.page(push, range, until));
        let connections = pages.map_ok(stream::iter).try_flatten();
        self.pusher.push(push, connections, Some(&self.pace)).await.map(drop)
    }

    /// The connections of a range's next page, a row that cannot be read among them, and what is to be gone on with. What is more than one worker's is handed on
    /// first, so that others begin with it; and what there is no time for is handed on as well.
    async fn page(
        &self,
        push: &Push<'_>,
        range: Option<Range>,
        until: Instant,
    ) -> Result<Option<(Vec<Result<Subscriber, Error>>, Option<Range>)>, Error> {
        let Some(range) = range else { return Ok(None) };
        self.pace.until_near().await;
        if !is_time_for_a_page(until.saturating_duration_since(Instant::now())) {
            return self.hand_on(push, vec![range]).await.map(|()| None);
        }
        let most = self.pace.page();
        let limit = i32::try_from(most).unwrap_or(i32::MAX);
        let mut page = self.subscribers.page(push.channel, &range, limit).await?;
        let next = range.after_page(most, page.last_connection(), OWN);
        self.hand_on(push, next.hand_on).await?;
        let unreadable = page.check_whole().err();
        let page = page.subscribers.into_iter().map(Ok).chain(unreadable.map(Err)).collect();
        Ok(Some((page, next.go_on)))
    }

    async fn hand_on(&self, push: &Push<'_>, ranges: Vec<Range>) -> Result<(), Error> {
        let shares: Vec<Share> = ranges.into_iter().map(|range| push.share(Part::Range(range))).collect();
        if shares.is_empty() { Ok(()) } else { self.queue.send_all(&shares, clock::now()).await }
    }
}
