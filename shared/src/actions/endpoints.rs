//! A channel's endpoints: adding, looking, removing, new secrets, and sending again.

use domain::channel::{Channel, Sub};
use domain::claims::Claims;
use domain::endpoint::attempt::{self, Attempt};
use domain::endpoint::id::EndpointId;
use domain::endpoint::lane::{Lane, Speed};
use domain::endpoint::request::{Add, ReplayRequest};
use domain::endpoint::{Filter, MOST};
use domain::refusal::{Code, Refusal};
use domain::replay::Row as _;
use domain::seq::Seq;
use domain::time::{self, Millis};
use futures_util::try_join;
use kinds::KindSettings;
use kinds::Target;
use kinds::webhook::WebhookSecret;
use serde::Serialize;

use super::Challenger;
use crate::aws::cap::{CapAllowance, CapScope, Caps};
use crate::aws::deliveries::{AttemptRecord, Deliveries};
use crate::aws::log::Log;
use crate::aws::queue::EndpointQueues;
use crate::aws::slow::SlowEndpoints;
use crate::aws::subscribers::{Endpoint, Subscribers};
use crate::clock;
use crate::error::Error;

/// For how long the secret before counts beside a new one, in milliseconds.
const PREVIOUS_COUNTS: i64 = 24 * 60 * 60 * 1000;

/// The most notifications that one call sends again.
const REPLAYED: usize = 1000;

/// The replays a day of a user who may not send to the channel.
const REPLAYS_A_DAY: u32 = 50;

/// The rows that are read at a time, and the number of reads: `min_priority` may leave out most of a log.
const PAGE: usize = 100;
const PAGES: usize = 20;

/// The number of times that an addition is tried again that meets others of its owner's. Each has taken one of the owner's places, or has
/// replaced an endpoint.
const ADDITIONS: u8 = 2 * MOST;

/// All endpoints.
#[derive(Clone, Debug)]
pub struct Endpoints {
    subscribers: Subscribers,
    deliveries: Deliveries,
    log: Log,
    queues: EndpointQueues,
    slow: SlowEndpoints,
    caps: Caps,
    kinds: KindSettings,
    /// None where webhooks are added unasked.
    challenger: Option<Challenger>,
}

/// An endpoint as its owner sees it.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointState {
    /// Its id.
    pub id: EndpointId,
    /// Whose notifications go there.
    pub channel: Channel,
    /// Who has added it.
    pub owner: Sub,
    /// Its kind, and its target.
    #[serde(flatten)]
    pub target: serde_json::Value,
    /// Which notifications go there.
    #[serde(flatten)]
    pub filter: Filter,
    /// `active`, `failing` or `disabled`.
    pub state: &'static str,
    /// When it was added.
    #[serde(serialize_with = "time::rfc3339")]
    pub created_at: Millis,
    /// Since when it has taken nothing.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub failing_since: Option<Millis>,
    /// When it was disabled.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub disabled_at: Option<Millis>,
    /// The secret that signs its notifications: shown when it is new, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Until when the secret before counts beside it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub previous_until: Option<Millis>,
    /// The results of the last attempts, newest first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptRecord>>,
}

impl EndpointState {
    fn new(endpoint: &Endpoint) -> Self {
        let state = match (endpoint.disabled_at, endpoint.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        };
        let now = clock::now();
        Self {
            id: endpoint.id.clone(),
            channel: endpoint.channel.clone(),
            owner: endpoint.owner.clone(),
            target: endpoint.target.shown(),
            filter: endpoint.filter,
            state,
            created_at: endpoint.created_at,
            failing_since: endpoint.failing_since,
            disabled_at: endpoint.disabled_at,
            secret: None,
            previous_until: endpoint.previous_until.filter(|until| now < *until),
            attempts: None,
        }
    }

    fn with_secret(self, secret: Option<&WebhookSecret>) -> Self {
        Self { secret: secret.map(WebhookSecret::reveal), ..self }
    }
}

/// The answer to a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayResponse {
    /// The number of notifications.
    pub queued: usize,
    /// The first seq that it went through: the one asked for, or the first after the endpoint was added.
    pub from: Seq,
    /// The last of them; where to go on, if there is more.
    pub seq: Seq,
    /// Whether there is more.
    pub more: bool,
}

impl Endpoints {
    /// The endpoints among these subscribers.
    #[must_use]
    pub fn new(
        subscribers: Subscribers,
        deliveries: Deliveries,
        log: Log,
        queues: EndpointQueues,
        slow: SlowEndpoints,
        caps: Caps,
        kinds: KindSettings,
    ) -> Self {
        Self { subscribers, deliveries, log, queues, slow, caps, kinds, challenger: None }
    }

    /// The same, where a webhook's server is asked before it is added, if there is a challenger.
    #[must_use]
    pub fn with_challenger(self, challenger: Option<Challenger>) -> Self {
        Self { challenger, ..self }
    }

    /// Adds an endpoint. One of the same owner's that leads to the same place is replaced: it keeps its id and what is queued
    /// for it, and takes target, filter and a new secret from this request.
    ///
    /// # Errors
    /// `forbidden` where the channel is neither the owner's own nor one that they may send to; `too_many_endpoints`;
    /// what [`Challenger::ask`] refuses. DynamoDB does not answer as it should, or the owner's endpoints change all the time.
    pub async fn add(&self, by: &Claims, channel: &Channel, add: Add) -> Result<EndpointState, Error> {
        check_owner(by, channel)?;
        let target = Target::parse(&add.kind, add.target, &self.kinds)?;
        self.check_wanted(by, channel, &target).await?;
        // Places in which another addition came first, or what this release cannot read.
        let mut taken = Vec::new();
        for _ in 0..ADDITIONS {
            let known = self.subscribers.endpoints(channel, Some(&by.sub)).await?;
            let (same, others): (Vec<_>, Vec<_>) = known.into_iter().partition(|one| one.target.leads_where(&target));
            let added = match same.split_first() {
                Some((first, doubles)) => self.replace(first, doubles, &target, add.filter).await?,
                None => {
                    let place = free_place(&others, &taken)?;
                    taken.push(place);
                    self.put(by, channel, place, &target, add.filter).await?
                }
            };
            if let Some(added) = added {
                return Ok(added);
            }
            // Another addition was first, perhaps of the same.
        }
        let cause = "its owner's endpoints were changed with each try".to_owned();
        Err(Error::Failed { call: "add an endpoint", cause })
    }

    /// Asks a webhook's server whether it wants notifications, where the stack has that on. An endpoint of the same owner's
    /// that leads there and is active has been asked, or was added before anybody was.
    async fn check_wanted(&self, by: &Claims, channel: &Channel, target: &Target) -> Result<(), Error> {
        let Some(challenger) = self.challenger.as_ref().filter(|_| target.is_signed()) else { return Ok(()) };
        let known = self.subscribers.endpoints(channel, Some(&by.sub)).await?;
        let secrets = match known.iter().find(|one| one.target.leads_where(target)) {
            Some(same) if same.is_active() => return Ok(()),
            Some(same) => same.secrets(clock::now()),
            None => {
                // Nobody is asked for an endpoint that there is no place for.
                free_place(&known, &[])?;
                Vec::new()
            }
        };
        challenger.ask(&by.sub, target.place(), &secrets).await
    }

    /// Writes a new endpoint; `None` if its place is taken.
    async fn put(
        &self,
        by: &Claims,
        channel: &Channel,
        place: u8,
        target: &Target,
        filter: Filter,
    ) -> Result<Option<EndpointState>, Error> {
        let (id, now) = (EndpointId::new(&by.sub, place, rand::random()), clock::now());
        let mut endpoint = Endpoint::new(channel.clone(), id, by.sub.clone(), target.clone(), filter, now);
        endpoint.secret = target.is_signed().then(WebhookSecret::random);
        // Before the row is written: what is stored from here on is the endpoint's, by a push or by a replay.
        let (newest, slow) = try_join!(self.log.newest(channel), self.slow.recall(&by.sub, target, now))?;
        endpoint.added_after = Some(newest.map_or(Seq::ZERO, |newest| newest.seq));
        endpoint.speed = Speed::slow(slow);
        if !self.subscribers.add_endpoint(&endpoint).await? {
            return Ok(None);
        }
        if endpoint.speed.slow_until.is_some() {
            self.slow.forget(&endpoint).await?;
        }
        Ok(Some(EndpointState::new(&endpoint).with_secret(endpoint.secret.as_ref())))
    }

    /// Puts another target and filter in an endpoint's place, and removes what leads there besides; `None` if it was changed
    /// meanwhile.
    async fn replace(
        &self,
        known: &Endpoint,
        doubles: &[Endpoint],
        target: &Target,
        filter: Filter,
    ) -> Result<Option<EndpointState>, Error> {
        let secret = target.is_signed().then(WebhookSecret::random);
        let until = clock::now().plus(PREVIOUS_COUNTS);
        let replaced = self.subscribers.replace_endpoint(known, target, filter, secret.as_ref(), until).await?;
        let Some(replaced) = replaced else { return Ok(None) };
        for double in doubles {
            self.subscribers.remove_endpoint(&double.channel, &double.id).await?;
        }
        Ok(Some(EndpointState::new(&replaced).with_secret(secret.as_ref())))
    }

    /// The caller's endpoints in a channel; all of them, to those who may send to it.
    ///
    /// # Errors
    /// `forbidden` to those who have none there and may have none.
    pub async fn list(&self, by: &Claims, channel: &Channel) -> Result<Vec<EndpointState>, Error> {
        let owner = by.check_publish(channel, "channel").is_err().then_some(&by.sub);
        let endpoints = self.subscribers.endpoints(channel, owner).await?;
        if endpoints.is_empty() {
            check_owner(by, channel)?;
        }
        Ok(endpoints.iter().map(EndpointState::new).collect())
    }

    /// One endpoint, with what came of the last attempts.
    ///
    /// # Errors
    /// `not_found`, also to those who neither own it nor may send to its channel.
    pub async fn look(&self, by: &Claims, channel: &Channel, id: &str) -> Result<EndpointState, Error> {
        let endpoint = self.find(by, channel, id).await?;
        let attempts = self.deliveries.last(channel, &endpoint.id).await?;
        Ok(EndpointState { attempts: Some(attempts), ..EndpointState::new(&endpoint) })
    }

    /// Removes an endpoint. What is queued for it goes nowhere.
    ///
    /// # Errors
    /// As [`Endpoints::look`].
    pub async fn remove(&self, by: &Claims, channel: &Channel, id: &str) -> Result<(), Error> {
        let id = match self.find(by, channel, id).await {
            Ok(endpoint) => endpoint.id,
            // Its id says whose it is, also where the row cannot be read.
            Err(error @ Error::Unreadable(_)) => EndpointId::parse(id)
                .filter(|id| id.is_of(&by.sub) || by.check_publish(channel, "channel").is_ok())
                .ok_or(error)?,
            Err(error) => return Err(error),
        };
        if let Some(removed) = self.subscribers.remove_endpoint(channel, &id).await? {
            self.slow.remember(&removed, clock::now()).await?;
        }
        Ok(())
    }

    /// Gives an endpoint a new secret. The one before counts for another day.
    ///
    /// # Errors
    /// As [`Endpoints::look`]; `forbidden` to an owner who could not add it now; `invalid_request` where nothing is signed;
    /// `endpoint_changed` if another was first.
    pub async fn rotate(&self, by: &Claims, channel: &Channel, id: &str) -> Result<EndpointState, Error> {
        let endpoint = self.find(by, channel, id).await?;
        check_owner(by, channel)?;
        if endpoint.secret.is_none() {
            let reason = format!("what goes to a {} endpoint is not signed with a secret", endpoint.target.kind());
            return Err(Refusal::field("id", reason).into());
        }
        let secret = WebhookSecret::random();
        let until = clock::now().plus(PREVIOUS_COUNTS);
        if !self.subscribers.rotate(&endpoint, &secret, until).await? {
            let reason = "its secret was changed, or it was removed, at the same moment; look at it, and rotate again";
            return Err(Refusal::new(Code::EndpointChanged, reason).into());
        }
        let state = EndpointState { previous_until: Some(until), ..EndpointState::new(&endpoint) };
        Ok(state.with_secret(Some(&secret)))
    }

    /// Sends again what is in the log from a seq on, as if it were new: up to 1,000 notifications a call, and nothing that was
    /// in the log before the endpoint was added. An endpoint that was disabled is enabled with it.
    ///
    /// # Errors
    /// As [`Endpoints::look`]; `forbidden` to an owner who could not add it now; `too_many_replays`.
    pub async fn replay(
        &self,
        by: &Claims,
        channel: &Channel,
        id: &str,
        asked: ReplayRequest,
    ) -> Result<ReplayResponse, Error> {
        let endpoint = self.find(by, channel, id).await?;
        check_owner(by, channel)?;
        self.check_allowance(by, channel).await?;
        let added_after = match endpoint.added_after {
            Some(seq) => seq,
            None => self.log.newest_before(channel, endpoint.created_at).await?,
        };
        let Some(replay) = self.subscribers.begin_replay(channel, &endpoint.id, added_after).await? else {
            return Err(not_found().into());
        };
        let from = asked.behind(added_after);
        let mut replayed = ReplayResponse { queued: 0, from: from.first(), seq: from.before(), more: true };
        for _ in 0..PAGES {
            if !replayed.more || replayed.queued >= REPLAYED {
                break;
            }
            let page = self.log.read_after(channel, replayed.seq, PAGE).await?;
            let attempts: Vec<(Attempt, Lane)> = page
                .items
                .iter()
                // Nobody is connected to what was sent long ago.
                .filter(|row| endpoint.filter.takes(row.priority(), 0))
                .map(|row| (Attempt::first(channel, &endpoint.id, row.seq(), replay), endpoint.speed.lane()))
                .collect();
            self.queues.send_all(&attempts).await?;
            let (seq, more) = (page.position.seq, page.position.more);
            replayed = ReplayResponse { queued: replayed.queued + attempts.len(), seq, more, ..replayed };
        }
        let covered = attempt::ReplayedRange { number: replay, from: replayed.from, to: replayed.seq };
        self.subscribers.record_replayed(channel, &endpoint.id, covered).await?;
        Ok(replayed)
    }

    /// A publisher could send anew what they replay. To others a replay is a way to use what is everybody's: the
    /// queue, the places for attempts, and what may go out on a day.
    async fn check_allowance(&self, by: &Claims, channel: &Channel) -> Result<(), Error> {
        if by.check_publish(channel, "channel").is_ok() {
            return Ok(());
        }
        match self.caps.take(CapScope::Replays(&by.sub), REPLAYS_A_DAY, clock::now()).await? {
            CapAllowance::Taken => Ok(()),
            CapAllowance::Reached { until } => {
                let left = until.seconds() - clock::now().seconds();
                let reason = format!(
                    "{REPLAYS_A_DAY} replays a day and user, for those who may not publish to the channel; again from {}",
                    until.rfc3339()
                );
                Err(Refusal::new(Code::TooManyReplays, reason).again_in(left).into())
            }
        }
    }

    async fn find(&self, by: &Claims, channel: &Channel, id: &str) -> Result<Endpoint, Error> {
        let id = EndpointId::parse(id).ok_or_else(not_found)?;
        let endpoint = self.subscribers.endpoint(channel, &id).await?.ok_or_else(not_found)?;
        if endpoint.owner != by.sub && by.check_publish(channel, "channel").is_err() {
            return Err(not_found().into());
        }
        Ok(endpoint)
    }
}

/// The first of an owner's places that is free.
fn free_place(known: &[Endpoint], taken: &[u8]) -> Result<u8, Refusal> {
    let is_free = |place: &u8| !taken.contains(place) && known.iter().all(|one| one.id.place() != *place);
    (0..MOST).find(is_free).ok_or_else(|| {
        let reason = format!("one owner has at most {MOST} endpoints in a channel; remove one first");
        Refusal::new(Code::TooManyEndpoints, reason)
    })
}

/// Who may have endpoints in a channel: its owner, and those who may send to it.
fn check_owner(by: &Claims, channel: &Channel) -> Result<(), Refusal> {
    if *channel == by.inbox() { Ok(()) } else { by.check_publish(channel, "channel") }
}

fn not_found() -> Refusal {
    let reason = "this channel has no endpoint with this id, or this token neither owns it nor may send to the channel";
    Refusal::field_with(Code::NotFound, "id", reason)
}
