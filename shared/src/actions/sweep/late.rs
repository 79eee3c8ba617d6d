//! Looking after what is late: what was handed on minutes ago and is not finished.

use std::collections::VecDeque;

use domain::schedule::id::{Bucket, ScheduleId};
use domain::schedule::progress::PageEnd;
use domain::schedule::state::Stage;
use domain::schedule::sweep::{Late, is_given_up, late};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::Sweep;
use crate::actions::series::end_with_series;
use crate::aws::queue::Wake;
use crate::aws::schedule::{BucketPage, Due, LaterAttempt, Pending};
use crate::clock;
use crate::error::Error;

/// The number of buckets, and of rows, that are looked after at once.
const AT_ONCE: usize = 16;

/// The result of looking after a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LateRowResult {
    /// It may still be delivered.
    Unfinished,
    /// It is to be handed to the queue once more.
    Again(Wake),
    /// Nothing is left to do.
    Finished,
    /// It has failed.
    GivenUp,
}

impl LateRowResult {
    fn again(self) -> Option<Wake> {
        if let Self::Again(wake) = self { Some(wake) } else { None }
    }

    fn is_unfinished(self) -> bool {
        matches!(self, Self::Unfinished | Self::Again(_))
    }
}

impl Sweep<'_> {
    /// Goes through the open buckets, and through the minutes that no writer can add to any more: a page of each in turn.
    pub(super) async fn look_after_late(&mut self, until: Instant) {
        let mut waiting: VecDeque<Bucket> = self.progress.turns().collect();
        while !self.is_over(until) {
            while waiting.len() < AT_ONCE
                && let Some(minute) = self.progress.close(self.now)
            {
                waiting.extend(minute.buckets());
            }
            if waiting.is_empty() {
                break;
            }
            let round: Vec<Bucket> = waiting.drain(..waiting.len().min(AT_ONCE)).collect();
            waiting.extend(self.look_through(&round, until).await);
            self.keep_now_and_then().await;
        }
        self.progress.turn = waiting.front().copied();
    }

    /// Looks after a page of each of these buckets; gives those that have more.
    async fn look_through(&mut self, round: &[Bucket], until: Instant) -> Vec<Bucket> {
        let schedule = &self.sweeper.schedule;
        let pages = join_all(round.iter().map(|bucket| schedule.page(self.progress.to_look_at(*bucket)))).await;
        let (mut more, mut again) = (Vec::new(), Vec::new());
        for (bucket, page) in round.iter().zip(pages) {
            let BucketPage { rows, end } = match page {
                Ok(page) => page,
                // It stays open, and the next sweep reads it again.
                Err(error) => {
                    self.fail(error);
                    continue;
                }
            };
            let looked: Vec<LateRowResult> =
                stream::iter(rows).map(|row| self.look_after(row, until)).buffer_unordered(AT_ONCE).collect().await;
            again.extend(looked.iter().filter_map(|looked| looked.again()));
            self.swept.failed += looked.iter().filter(|looked| **looked == LateRowResult::GivenUp).count();
            // What there was no time for is looked at by the next sweep.
            if self.is_over(until) {
                continue;
            }
            self.progress.looked(*bucket, looked.iter().any(|looked| looked.is_unfinished()), end);
            more.extend((end != PageEnd::Last).then_some(*bucket));
        }
        match self.sweeper.queue.send_all(&again).await {
            Ok(()) => self.swept.again += again.len(),
            Err(error) => self.fail(error),
        }
        more
    }

    /// One row that nobody can read must not keep the sweep from the others.
    async fn look_after(&self, row: Pending, until: Instant) -> LateRowResult {
        self.try_to_look_after(row, until).await.unwrap_or_else(|error| {
            error.log();
            LateRowResult::Unfinished
        })
    }

    async fn try_to_look_after(&self, row: Pending, until: Instant) -> Result<LateRowResult, Error> {
        // What has not been handed on yet, or by this sweep for the first time, is not late.
        let is_fresh = !row.queued && !self.began_at.has_handed(row.id);
        if is_fresh || self.is_over(until) {
            return Ok(LateRowResult::Unfinished);
        }
        if row.is_unreadable {
            return if is_given_up(row.id.due(), self.now) {
                self.give_up_unread(row.id).await
            } else {
                Ok(LateRowResult::Unfinished)
            };
        }
        let handed = row.handed_at.unwrap_or_else(|| self.progress.tried_from(row.id));
        match late(handed, row.rounds, self.now) {
            Late::Wait => Ok(LateRowResult::Unfinished),
            // Noted first: a second sweep at the same time is to hand it on once.
            Late::Again(round) if self.sweeper.schedule.record_round(&row, round, self.now).await? => {
                Ok(LateRowResult::Again(row.wake()))
            }
            Late::Again(_) => Ok(LateRowResult::Unfinished),
            Late::GiveUp => match self.give_up(row.id).await {
                // Without this it would be looked after for ever, and with it its whole bucket.
                Err(error @ Error::Unreadable(_)) => {
                    error.log();
                    self.give_up_unread(row.id).await
                }
                looked => looked,
            },
        }
    }

    async fn give_up_unread(&self, id: ScheduleId) -> Result<LateRowResult, Error> {
        if !self.sweeper.schedule.fail_unread(id, clock::now()).await? {
            return Ok(LateRowResult::Unfinished);
        }
        tracing::error!(%id, "a row of the schedule cannot be read, and was not delivered in time");
        Ok(LateRowResult::GivenUp)
    }

    async fn give_up(&self, id: ScheduleId) -> Result<LateRowResult, Error> {
        let schedule = &self.sweeper.schedule;
        let now = clock::now();
        let row = match schedule.due(id).await? {
            None => return Ok(LateRowResult::Finished),
            Some(Due::Notification(row)) => *row,
            Some(Due::Attempt(later)) => return self.give_up_attempt(&later).await,
        };
        if row.stage == Stage::Cancelled || row.is_sent() {
            // All that may be in logs is there. Who was not told of it hears of it with the next, or when they come back.
            schedule.record_done(row.id, now).await?;
            return Ok(LateRowResult::Finished);
        }
        if end_with_series(schedule, &row).await? {
            return Ok(LateRowResult::Finished);
        }
        // What cannot go on at least ends: else it would be looked after for ever.
        let next = row.next(now, rand::random()).inspect_err(Error::log).unwrap_or_default();
        if let Some(next) = next.as_ref().filter(|next| next.queued) {
            // Before its row is there: a message for nobody does nothing, and a row without one would be late.
            self.sweeper.queue.send(next.wake()).await?;
        }
        if !schedule.fail(&row, next.as_ref(), now).await? {
            return Ok(LateRowResult::Unfinished);
        }
        tracing::error!(%id, "a notification could not be delivered in all rounds; docs/operations/alarms.md says how to send it again");
        Ok(LateRowResult::GivenUp)
    }

    async fn give_up_attempt(&self, later: &LaterAttempt) -> Result<LateRowResult, Error> {
        if !self.sweeper.schedule.fail_later(later, clock::now()).await? {
            return Ok(LateRowResult::Unfinished);
        }
        let id = later.id;
        tracing::error!(%id, "an attempt at an endpoint could not be queued; docs/operations/alarms.md says how to have it made");
        Ok(LateRowResult::GivenUp)
    }
}
