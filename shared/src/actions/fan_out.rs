//! Pushing one notification to everybody who listens to a channel: to connections at once, to the rest of a large audience and
//! to endpoints by queues.

use std::collections::HashSet;

use domain::channel::Channel;
use domain::endpoint::attempt::Attempt;
use domain::endpoint::lane::Lane;
use domain::item::{Item, frame};
use domain::segment::{NotificationSource, PAGE, Range};
use domain::send::MAX_TO;
use domain::seq::Seq;
use futures_util::future::ready;
use futures_util::stream::{self, Stream, StreamExt as _};

use super::placed::PlacedNotification;
use super::push::{PreparedPush, PushResult, Pusher, Run};
use crate::aws::management::{Management, Payload};
use crate::aws::queue::{EndpointQueues, SegmentsQueue};
use crate::aws::subscribers::{ListedEndpoint, Subscribers, SubscribersPage};
use crate::error::Error;

/// Who to push to.
#[derive(Clone, Debug)]
pub struct FanOut {
    subscribers: Subscribers,
    pusher: Pusher,
    segments: SegmentsQueue,
    endpoints: EndpointQueues,
}

/// Who was pushed to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FanOutResult {
    /// The live connections that were given it; in an inbox, its owner's.
    pub connections: usize,
    /// The endpoints that it goes to.
    pub endpoints: usize,
    /// Whether others are served by a queue: the rest of a large audience, or those that did not take it yet.
    pub queued: bool,
}

impl FanOut {
    /// Pushes to these subscribers, through this API and these queues.
    #[must_use]
    pub fn new(
        subscribers: Subscribers,
        management: Management,
        segments: SegmentsQueue,
        endpoints: EndpointQueues,
    ) -> Self {
        let pusher = Pusher::new(subscribers.clone(), management, segments.clone(), None);
        Self { subscribers, pusher, segments, endpoints }
    }

    /// Pushes a notification to a channel's subscribers: to the first few hundred connections at once, to the others by a queue;
    /// and, if it has a place in the log, to the endpoints that want it. When this succeeds, each connection was given it, has
    /// it queued, is gone, or was cut, so that it comes back and catches up; and for each endpoint it is queued.
    ///
    /// # Errors
    /// Some may not have it; the sender has to send again.
    pub async fn push(&self, channel: &Channel, seq: Option<Seq>, item: &Item) -> Result<FanOutResult, Error> {
        let frame = Payload::new(frame(channel, &[item.to_json(seq)]));
        let push = PreparedPush { channel, source: NotificationSource::of(item, seq), frame, refused: 0 };
        let most = i32::try_from(PAGE).unwrap_or(i32::MAX);
        let mut page = self.subscribers.page(channel, &Range::default(), most).await?;
        // Before the posts, so that others begin with it.
        let handed_on = self.hand_on(&push, &page).await;
        let told = self.tell(&push, &mut page).await;
        let mut rest = if page.last.is_some() { Some(self.subscribers.listed(channel).await?) } else { None };
        let listed = rest.as_ref().map_or(&page.endpoints, |rest| &rest.endpoints);
        let endpoints = match seq {
            Some(seq) if !listed.is_empty() => {
                // Of what has failed nobody knows who took it.
                let is_online = match (&told, &handed_on) {
                    (Ok(told), _) if told.delivered > 0 => true,
                    (Ok(told), Ok(false)) if !told.is_queued => false,
                    _ => self.is_online(channel).await?,
                };
                self.queue(channel, seq, item, listed, usize::from(is_online)).await?
            }
            _ => 0,
        };
        let (handed_on, told) = (handed_on?, told?);
        page.check_whole()?;
        rest.as_mut().map_or(Ok(()), SubscribersPage::check_whole)?;
        Ok(FanOutResult { connections: told.delivered, endpoints, queued: handed_on || told.is_queued })
    }

    /// Posts to a page's connections, and queues it for those that do not take it now.
    async fn tell(&self, push: &PreparedPush<'_>, page: &mut SubscribersPage) -> Result<PushResult, Error> {
        let connections = stream::iter(std::mem::take(&mut page.subscribers).into_iter().map(Ok));
        let outcome = self.pusher.push(push, &Run::new(0), connections, None).await?;
        self.pusher.queue_rest(push, &Range::default(), false, outcome).await
    }

    /// Pushes to each channel as soon as it has a notification, all at the same time. A channel that comes twice is pushed to
    /// once.
    pub(super) async fn push_each(
        &self,
        placed: impl Stream<Item = PlacedNotification>,
    ) -> Vec<(PlacedNotification, Result<FanOutResult, Error>)> {
        let mut seen = HashSet::new();
        placed
            .filter(|placed| ready(seen.insert(placed.channel.clone())))
            .map(|placed| async move {
                let pushed = self.push(&placed.channel, Some(placed.seq), &placed.item).await;
                (placed, pushed)
            })
            .buffer_unordered(MAX_TO)
            .collect()
            .await
    }

    /// Queues the connections behind a page; `false` if there are none.
    async fn hand_on(&self, push: &PreparedPush<'_>, page: &SubscribersPage) -> Result<bool, Error> {
        let Some(last) = page.last_connection() else { return Ok(false) };
        // While posts are refused, a single worker sees when that has changed.
        let own = if self.pusher.is_refused() { usize::MAX } else { PAGE };
        let rest = Range::default().rest(PAGE, last, own);
        self.segments.send_all(rest.into_iter().map(|range| push.job(range)).collect()).await?;
        Ok(true)
    }

    /// Whether there is a connection in a channel, or in an inbox one of its owner's.
    async fn is_online(&self, channel: &Channel) -> Result<bool, Error> {
        self.subscribers.count(channel, PAGE).await.map(|connections| connections > 0)
    }

    /// Only now, since it is known how many connections took it.
    async fn queue(
        &self,
        channel: &Channel,
        seq: Seq,
        item: &Item,
        listed: &[ListedEndpoint],
        connections: usize,
    ) -> Result<usize, Error> {
        let takers = listed.iter().filter(|listed| listed.filter.takes(item.priority, connections));
        let attempts: Vec<(Attempt, Lane)> = takers
            .map(|listed| (Attempt::first(channel, &listed.id, seq, listed.replays), listed.speed.lane()))
            .collect();
        self.endpoints.send_all(&attempts).await?;
        Ok(attempts.len())
    }
}
