//! Removing the rows of connections that are gone, at a rate of its own.
//!
//! All rows of a channel are in one partition of the table, which takes 1,000 write units a second. A removal is a unit. Beside the
//! posts, which find them by the thousand where an audience has gone, removals take half of that: API Gateway lets 500 connections
//! a second in, whose rows need the other half.

use std::time::Duration;

use domain::channel::Channel;
use tokio::sync::Semaphore;

use crate::aws::management::RateLimiter;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;

/// The rows a second that all workers on shares remove together.
const A_SECOND: u32 = 500;

/// The pause of any other function between two removals: it meets a few hundred connections at most.
const EACH: Duration = Duration::from_millis(10);

/// A push waits for its last removals no longer than this.
const LATEST: Duration = Duration::from_millis(500);

/// The most removals that are under way at once. When the table is slow, this limit is reached and fewer rows are removed.
const AT_ONCE: usize = 4;

/// Removes rows, as many as the rate limiter lets through. The others stay: the next post to such a connection is answered the same, and their
/// TTL removes them in the end.
#[derive(Debug)]
pub(super) struct Removals {
    subscribers: Subscribers,
    limiter: RateLimiter,
    places: Semaphore,
}

impl Removals {
    /// For one of so many processes that serve shares, or for a process that does not.
    pub(super) fn new(subscribers: Subscribers, processes: Option<u32>) -> Self {
        let every = processes.map_or(EACH, |processes| Duration::from_secs(processes.into()) / A_SECOND);
        Self { subscribers, limiter: RateLimiter::within(every, LATEST), places: Semaphore::new(AT_ONCE) }
    }

    /// Removes the row of a connection that answered that it is gone, unless it is so young that its `$connect` may still be running.
    /// `None` where too many others are to be removed first.
    pub(super) fn remove<'a>(
        &'a self,
        channel: &'a Channel,
        gone: Subscriber,
    ) -> Option<impl Future<Output = ()> + 'a> {
        if gone.is_young(clock::now()) {
            return None;
        }
        let turn = self.limiter.take_turn()?;
        Some(async move {
            turn.await;
            let Ok(_place) = self.places.try_acquire() else { return self.limiter.slow_down() };
            let removed = self.subscribers.forget(channel, &gone).await.inspect_err(Error::log);
            if removed.unwrap_or_default() { self.limiter.speed_up() } else { self.limiter.slow_down() }
        })
    }
}
