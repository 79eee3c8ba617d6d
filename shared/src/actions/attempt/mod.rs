//! One attempt to deliver one notification to one endpoint.
//!
//! It is counted and leased before it is made, and its result is recorded before anything follows from it. A process that dies at
//! any moment leaves enough for the next delivery of the message to go on with: at worst the attempt is made once more.

use std::ops::Range;
use std::pin::pin;
use std::time::Duration;

use domain::channel::Channel;
use domain::endpoint::attempt::{Attempt, DeliveryEnd, NotNow};
use domain::endpoint::lane::{Lane, LaneAdmission, SLOW, Speed};
use domain::endpoint::retry;
use domain::time::Millis;
use futures_util::future::{Either, select};
use kinds::outgoing_delivery::OutgoingDelivery;
use tokio::time::{Instant, timeout};

use crate::aws::deliveries::{AttemptRecord, AttemptSettlement, BeginResult, Deliveries};
use crate::aws::log::{Log, NotificationRow};
use crate::aws::long_waits::LongWaits;
use crate::aws::queue::{DueQueue, EndpointDeadLetters, EndpointQueues, LONGEST_DELAY};
use crate::aws::schedule::{LaterAttempt, Schedule};
use crate::aws::slow::SlowEndpoints;
use crate::aws::subscribers::{Endpoint, Subscribers};
use crate::clock;
use crate::error::Error;
use crate::transports::{AttemptOutcome, AttemptResult, Transport};

use super::Inboxes;
use super::disable::Disabler;

/// The lease of an attempt is longer than any attempt may take, in milliseconds.
const LEASE: i64 = 25_000;

/// An attempt that takes this long may well overlap with others at the same endpoint.
const LONG: Duration = Duration::from_secs(1);

/// An attempt that waits for another day is made at a random moment in its first hours, and surely on that day.
const PUT_OFF: Range<i64> = 5_000..4 * 60 * 60 * 1000;

/// The time for which an attempt waits for its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Until the receiver counts as slow, and longer only if there is a place for that.
    Short,
    /// As long as a receiver may take.
    Whole,
}

/// Makes attempts.
#[derive(Debug)]
pub struct Attempter {
    pub(super) subscribers: Subscribers,
    pub(super) deliveries: Deliveries,
    pub(super) schedule: Schedule,
    pub(super) log: Log,
    pub(super) inboxes: Inboxes,
    pub(super) queues: EndpointQueues,
    pub(super) dead_letters: EndpointDeadLetters,
    pub(super) slow: SlowEndpoints,
    pub(super) long_waits: LongWaits,
    pub(super) disabler: Disabler,
    pub(super) transport: Transport,
}

/// The result of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptMessageResult {
    /// It is done with.
    Done,
    /// SQS is to deliver it again then.
    NotYet(Millis),
}

/// The adapters of an attempter.
#[derive(Debug)]
pub struct Parts {
    /// The table of endpoints.
    pub subscribers: Subscribers,
    /// The progress of each delivery.
    pub deliveries: Deliveries,
    /// Where attempts wait for hours.
    pub schedule: Schedule,
    /// The log with the notifications.
    pub log: Log,
    /// Where attempts wait for minutes.
    pub queues: EndpointQueues,
    /// Where those are that have failed for the last time.
    pub dead_letters: EndpointDeadLetters,
    /// Which endpoints were slow when they were removed.
    pub slow: SlowEndpoints,
    /// The attempts of the quick lane that may wait for slow receivers.
    pub long_waits: LongWaits,
    /// Wakes `deliver`, for the word that an endpoint is disabled.
    pub due: DueQueue,
}

impl Attempter {
    /// Makes attempts with these adapters.
    #[must_use]
    pub fn new(parts: Parts, transport: Transport) -> Self {
        let Parts { subscribers, deliveries, schedule, log, queues, dead_letters, slow, long_waits, due } = parts;
        let disabler = Disabler::new(subscribers.clone(), schedule.clone(), due);
        let inboxes = Inboxes::new(log.clone());
        Self {
            subscribers,
            deliveries,
            schedule,
            log,
            inboxes,
            queues,
            dead_letters,
            slow,
            long_waits,
            disabler,
            transport,
        }
    }

    /// Makes an attempt that came by a lane, unless it was made, or is not worth making any more, or is another lane's.
    ///
    /// # Errors
    /// Something is left undone; SQS has to deliver the message again.
    pub async fn attempt(&self, attempt: &Attempt, came_by: Lane) -> Result<AttemptMessageResult, Error> {
        let (endpoint, row) = futures_util::try_join!(
            self.subscribers.endpoint(&attempt.channel, &attempt.endpoint),
            self.log.get(&attempt.channel, attempt.seq),
        )?;
        let now = clock::now();
        // Whatever was for an endpoint that is gone is done with, and so is what a later replay has queued anew.
        let is_over = |endpoint: &Endpoint| endpoint.replayed.is_some_and(|replayed| replayed.covers(attempt));
        let Some(endpoint) = endpoint.filter(|endpoint| !is_over(endpoint)) else {
            return Ok(AttemptMessageResult::Done);
        };
        if endpoint.disabled_at.is_some() {
            // What was begun has failed for good. What was not is as what is sent from now on: a replay sends it.
            if attempt.number > 1 {
                self.dead_letters.send(attempt).await?;
            }
            return Ok(AttemptMessageResult::Done);
        }
        let Some(row) = row.filter(|row| row.expires_at() > now.seconds()) else {
            // It has waited for longer than the log keeps it: for its endpoint, or for a day with room under a cap.
            self.dead_letters.send(attempt).await?;
            return Ok(AttemptMessageResult::Done);
        };
        if row.hides_at().is_some_and(|hides_at| hides_at <= now.seconds()) {
            return Ok(AttemptMessageResult::Done);
        }
        let Some(patience) = self.admit(&endpoint, came_by, now).await? else {
            self.queues.send(attempt, Lane::Slow, now).await?;
            return Ok(AttemptMessageResult::Done);
        };
        match self.deliveries.begin(attempt, now.plus(LEASE), now).await? {
            BeginResult::Yes => self.make(attempt, &endpoint, &row, patience, now).await,
            BeginResult::No(why) => self.follow_up(attempt, &endpoint, why).await,
        }
    }

    /// The time for which an attempt waits for its receiver; `None` if it goes into the slow lane.
    async fn admit(&self, endpoint: &Endpoint, came_by: Lane, now: Millis) -> Result<Option<Patience>, Error> {
        Ok(match endpoint.speed.admit(came_by, now) {
            LaneAdmission::Patient => Some(Patience::Whole),
            LaneAdmission::Brief => Some(Patience::Short),
            LaneAdmission::Trial(until) => {
                self.subscribers.take_trial(endpoint, until, now).await?.then_some(Patience::Short)
            }
            LaneAdmission::Forward => None,
        })
    }

    /// Finishes what another may have left undone.
    async fn follow_up(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        why: NotNow,
    ) -> Result<AttemptMessageResult, Error> {
        match why {
            NotNow::Over => {}
            NotNow::UnderWay(lease) => return Ok(AttemptMessageResult::NotYet(lease)),
            NotNow::Next(next, at) => self.queue(&next, endpoint.speed.lane(), at).await?,
            NotNow::WasLast => self.dead_letters.send(attempt).await?,
        }
        Ok(AttemptMessageResult::Done)
    }

    async fn make(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        row: &NotificationRow,
        patience: Patience,
        now: Millis,
    ) -> Result<AttemptMessageResult, Error> {
        let content = row.content()?;
        let unread = self.unread(&attempt.channel, endpoint).await?;
        let delivery = OutgoingDelivery {
            channel: &attempt.channel,
            seq: attempt.seq,
            id: row.id(),
            sent_at: row.sent_at(),
            item: &row.to_json(),
            content: &content,
            unread,
            ttl: row.hides_at().map(|hides_at| hides_at - now.seconds()),
        };
        let started = Instant::now();
        let mut made = self.call(endpoint, &delivery, patience, now).await;
        // A receiver is as slow as its status; the body is no part of it.
        let took = made.latency.unwrap_or_else(|| started.elapsed());
        let answer = made.first_characters().await;
        let outcome = made.outcome.clone();
        let record = record(attempt, &made, answer, now, took);
        self.settle(attempt, endpoint, &outcome, record, took).await
    }

    /// Makes it. That an endpoint is slow is noted while it still is, so that what comes next goes into the slow lane. Of the
    /// attempts that are under way in the quick lane, only so many wait on: else those at endpoints that turn slow together would
    /// occupy all its executions. The others are broken off, and made again in the slow lane.
    async fn call(
        &self,
        endpoint: &Endpoint,
        delivery: &OutgoingDelivery<'_>,
        patience: Patience,
        now: Millis,
    ) -> AttemptResult {
        let mut calling = pin!(self.transport.attempt(endpoint, delivery, now));
        if let Ok(made) = timeout(SLOW, &mut calling).await {
            return made;
        }
        let may_be_broken_off = patience == Patience::Short && endpoint.target.is_posted_to();
        let waits_on = pin!(async {
            let (slowed, waits_on) = tokio::join!(self.record_slow(endpoint), async {
                if may_be_broken_off { self.long_waits.take(clock::now()).await } else { Ok(true) }
            });
            slowed.unwrap_or_else(|error| error.log());
            waits_on.unwrap_or_else(|error| {
                error.log();
                true
            })
        });
        match select(calling, waits_on).await {
            Either::Left((made, noting)) => {
                noting.await;
                made
            }
            Either::Right((true, calling)) => calling.await,
            Either::Right((false, _)) => AttemptResult::broken_off(),
        }
    }

    /// Notes that an endpoint is slow. One that its owner has removed meanwhile is remembered as slow.
    async fn record_slow(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let now = clock::now();
        let Some(until) = endpoint.speed.slowed(now) else { return Ok(()) };
        if self.subscribers.record_slow(endpoint, until).await? {
            return Ok(());
        }
        let mut removed = endpoint.clone();
        removed.speed = Speed::slow(Some(until));
        self.slow.remember(&removed, now).await
    }

    /// For the badge of a phone or an icon: a channel that is somebody's own has one.
    async fn unread(&self, channel: &Channel, endpoint: &Endpoint) -> Result<Option<u64>, Error> {
        if !(channel.is_inbox() && endpoint.target.shows_unread()) {
            return Ok(None);
        }
        self.inboxes.unread(channel).await.map(Some)
    }

    /// Notes what came of an attempt, and then does what follows.
    async fn settle(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        outcome: &AttemptOutcome,
        record: AttemptRecord,
        took: Duration,
    ) -> Result<AttemptMessageResult, Error> {
        if *outcome == AttemptOutcome::Gone {
            // First: once the attempt is settled, nobody comes back to it.
            if let Some(removed) = self.subscribers.remove_endpoint(&endpoint.channel, &endpoint.id).await? {
                self.slow.remember(&removed, clock::now()).await?;
            }
        }
        let settled = settled(attempt, outcome, clock::now());
        let (ours, recorded) =
            tokio::join!(self.deliveries.settle(attempt, settled), self.deliveries.record(attempt, record));
        // The record of an attempt is worth less than a second one.
        recorded.unwrap_or_else(|error| error.log());
        if !ours? {
            return Ok(AttemptMessageResult::Done);
        }
        let lane = if took >= SLOW { Lane::Slow } else { endpoint.speed.lane() };
        match settled {
            AttemptSettlement::Next(at) => self.queue(&attempt.next(), lane, at).await?,
            AttemptSettlement::PutOff(at) => self.queue(attempt, lane, at).await?,
            AttemptSettlement::Ended(DeliveryEnd::DeadLettered) => self.dead_letters.send(attempt).await?,
            AttemptSettlement::Ended(_) => {}
        }
        self.record(endpoint, outcome, took).await?;
        self.record_quick(endpoint, outcome, took).await?;
        Ok(AttemptMessageResult::Done)
    }

    /// Notes that an endpoint is quick, where its receiver was and that is news.
    async fn record_quick(&self, endpoint: &Endpoint, outcome: &AttemptOutcome, took: Duration) -> Result<(), Error> {
        let now = clock::now();
        let is_of_the_receiver = matches!(outcome, AttemptOutcome::Delivered | AttemptOutcome::Failed { .. });
        if is_of_the_receiver && took < SLOW && endpoint.speed.is_quicker(now) {
            return self.subscribers.record_quick(endpoint, now).await;
        }
        Ok(())
    }

    /// Records in the endpoint's row what an attempt says of it.
    async fn record(&self, endpoint: &Endpoint, outcome: &AttemptOutcome, took: Duration) -> Result<(), Error> {
        let now = clock::now();
        match outcome {
            // While it took this one, another may have failed there and said so.
            AttemptOutcome::Delivered if endpoint.failing_since.is_some() || took >= LONG => {
                self.subscribers.record_well(endpoint).await
            }
            AttemptOutcome::Failed { .. } => {
                let since = endpoint.failing_since.unwrap_or(now);
                if endpoint.failing_since.is_none() {
                    self.subscribers.record_failing(endpoint, since).await?;
                }
                if now < since.plus(retry::GIVES_UP) {
                    return Ok(());
                }
                if self.deliveries.has_delivered(&endpoint.channel, &endpoint.id, since).await? {
                    return self.subscribers.record_well(endpoint).await;
                }
                self.disabler.disable(endpoint, since, now).await
            }
            _ => Ok(()),
        }
    }

    /// By its lane's queue what is minutes away, else by the schedule.
    async fn queue(&self, attempt: &Attempt, lane: Lane, at: Millis) -> Result<(), Error> {
        let now = clock::now();
        if at <= now.plus(LONGEST_DELAY * 1000) {
            return self.queues.send(attempt, lane, at).await;
        }
        self.schedule.write_later(&LaterAttempt::new(attempt, at, now)).await
    }
}

fn settled(attempt: &Attempt, outcome: &AttemptOutcome, now: Millis) -> AttemptSettlement {
    match outcome {
        AttemptOutcome::Delivered => AttemptSettlement::Ended(DeliveryEnd::Delivered),
        AttemptOutcome::Gone | AttemptOutcome::Nothing => AttemptSettlement::Ended(DeliveryEnd::Dropped),
        AttemptOutcome::Refused => AttemptSettlement::Ended(DeliveryEnd::DeadLettered),
        AttemptOutcome::PutOff(until) => AttemptSettlement::PutOff(until.plus(rand::random_range(PUT_OFF))),
        AttemptOutcome::BrokenOff => AttemptSettlement::PutOff(now),
        AttemptOutcome::Failed { .. } | AttemptOutcome::Hindered => {
            match retry::pause(attempt.number, outcome.wish(), rand::random()) {
                Some(pause) => AttemptSettlement::Next(now.plus(pause)),
                None => AttemptSettlement::Ended(DeliveryEnd::DeadLettered),
            }
        }
    }
}

fn record(
    attempt: &Attempt,
    made: &AttemptResult,
    answer: Option<String>,
    began: Millis,
    took: Duration,
) -> AttemptRecord {
    AttemptRecord {
        at: began,
        seq: attempt.seq,
        attempt: attempt.number,
        outcome: made.outcome.word().to_owned(),
        status: made.status,
        reason: made.reason.clone(),
        latency_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        answer,
    }
}
