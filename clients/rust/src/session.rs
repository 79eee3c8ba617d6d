//! The connection: when to open one, what to ask on it, whom to believe.
//!
//! No clock, socket or task is in here. The driver of a session tells it what happened and at what time, carries out
//! the returned [`Effect`]s, and calls [`Session::fired`] when [`Session::deadline`] has come.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::channel::{Channel, Cursor};
use crate::event::Event;
use crate::frame::{ClientFrame, Refusal, ServerFrame, Subscribed};
use crate::item::Item;
use crate::ordering::Step;
use crate::timing::{Timing, later, silence, within};
use backoff::Backoff;
use stream::{Question, Stream, Turn};

mod backoff;
#[cfg(test)]
mod model;
mod stream;
#[cfg(test)]
mod tests;

/// So many questions may be under way at once. The server answers each by writing to one record of the connection.
const MAX_QUESTIONS: usize = 4;

/// Tells connections apart, so that nothing of an old one is taken for a new one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectionId(u64);

/// An instruction to the driver.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// Open a connection, and tell `opened` or `failed`.
    Connect(ConnectionId),
    /// Send a frame.
    Send(ConnectionId, ClientFrame),
    /// Close a connection. The driver need not report anything of it any more.
    Close(ConnectionId),
    /// Tell the application.
    Tell(Event),
    /// With the events so far the application stands here.
    Moved(Cursor),
    /// The token is refused for good: end.
    End { status: u16 },
}

/// The open connection.
struct Open {
    id: ConnectionId,
    heartbeat: Heartbeat,
}

#[derive(Clone, Copy)]
enum Heartbeat {
    PingAt(Instant),
    PongBy(Instant),
}

impl Heartbeat {
    fn deadline(self) -> Instant {
        match self {
            Self::PingAt(at) | Self::PongBy(at) => at,
        }
    }
}

/// The connection that follows the open one, or the first.
enum Next {
    At(Instant),
    Opening(ConnectionId),
}

/// A listener without its sockets.
pub(crate) struct Session {
    timing: Timing,
    rng: StdRng,
    streams: BTreeMap<Channel, Stream>,
    open: Option<Open>,
    next: Next,
    backoff: Backoff,
    /// The number of pings answered since the last connection was lost.
    answered_pings: u32,
    connections: u64,
    reference: u64,
}

impl Session {
    /// A session that wants to connect at once. `seed` is what its jitter comes from.
    pub(crate) fn new(timing: Timing, seed: u64, now: Instant, cursors: Vec<Cursor>) -> Self {
        let streams = cursors.into_iter().map(|cursor| (cursor.channel, Stream::new(cursor.seq))).collect();
        Self {
            timing,
            rng: StdRng::seed_from_u64(seed),
            streams,
            open: None,
            next: Next::At(now),
            backoff: Backoff::default(),
            answered_pings: 0,
            connections: 0,
            reference: 0,
        }
    }

    /// When to call [`Session::fired`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let next = match self.next {
            Next::At(at) => Some(at),
            Next::Opening(_) => None,
        };
        let heartbeat = self.open.as_ref().map(|open| open.heartbeat.deadline());
        let streams = self.streams.values().filter_map(Stream::deadline);
        streams.chain(heartbeat).chain(next).min()
    }

    /// A connection is open. It takes the place of the one before. `joined`: the channels that its token joins;
    /// `lifetime`: how long the token is good for, if that is known.
    pub(crate) fn opened(
        &mut self,
        now: Instant,
        id: ConnectionId,
        joined: Vec<Channel>,
        lifetime: Option<Duration>,
    ) -> Vec<Effect> {
        if !self.is_opening(id) {
            return vec![Effect::Close(id)];
        }
        self.backoff.accepted();
        self.next = Next::At(later(now, self.backoff.lasts(&mut self.rng, &self.timing, lifetime)));
        let heartbeat = self.ping_later(now);
        let before = self.open.replace(Open { id, heartbeat });
        for channel in joined {
            self.streams.entry(channel).or_insert_with(|| Stream::new(None));
        }
        let mut effects = vec![before.map_or(Effect::Tell(Event::Connected), |old| Effect::Close(old.id))];
        let (mut turn, streams) = self.turn(now);
        streams.values_mut().for_each(|stream| stream.connected(&mut turn));
        effects.extend(self.ask(now));
        effects
    }

    /// A connection could not be opened.
    pub(crate) fn failed(&mut self, now: Instant, id: ConnectionId, reason: String) -> Vec<Effect> {
        if !self.is_opening(id) {
            return Vec::new();
        }
        let retry_in = self.backoff.after_failure(&mut self.rng, &self.timing);
        self.next = Next::At(later(now, retry_in));
        if self.open.is_some() {
            return Vec::new();
        }
        vec![Effect::Tell(Event::Disconnected { reason, retry_in })]
    }

    /// A connection could not be opened, since the server did not want its token. The next token may be a better one;
    /// and while another connection works there is nothing to end.
    pub(crate) fn token_refused(&mut self, now: Instant, id: ConnectionId, status: u16) -> Vec<Effect> {
        if self.is_opening(id) && self.open.is_none() && self.backoff.refused() {
            return vec![Effect::End { status }];
        }
        self.failed(now, id, format!("the token was refused (status {status})"))
    }

    /// A connection closed.
    pub(crate) fn closed(&mut self, now: Instant, id: ConnectionId, reason: String) -> Vec<Effect> {
        if !self.is_open(id) {
            return Vec::new();
        }
        vec![self.lost(now, reason)]
    }

    /// A frame came that cannot be read. Whatever it brought, only a new connection brings it again: the next answer on
    /// this one would take it for delivered.
    pub(crate) fn unreadable(&mut self, now: Instant, id: ConnectionId) -> Vec<Effect> {
        if !self.is_open(id) {
            return Vec::new();
        }
        self.give_up(now, id, "a frame could not be read")
    }

    /// For so long the application took nothing, and nothing was read: what waits unread was not late.
    pub(crate) fn stalled(&mut self, time: Duration) {
        self.streams.values_mut().for_each(|stream| stream.stalled(time));
        if let Some(Open { heartbeat: Heartbeat::PongBy(at), .. }) = &mut self.open {
            *at = later(*at, time);
        }
    }

    /// A connection gave a sign of life.
    pub(crate) fn heard(&mut self, now: Instant, id: ConnectionId) {
        let Some(open) = self.open.as_ref().filter(|open| open.id == id) else { return };
        if let Heartbeat::PongBy(_) = open.heartbeat {
            self.answered_pings = self.answered_pings.saturating_add(1);
        }
        let heartbeat = self.ping_later(now);
        if let Some(open) = &mut self.open {
            open.heartbeat = heartbeat;
        }
    }

    /// The machine has slept, perhaps: the connection is asked whether it is still alive. One that is being asked gets no more time.
    pub(crate) fn woken(&mut self, now: Instant) {
        if let Some(Open { heartbeat: heartbeat @ Heartbeat::PingAt(_), .. }) = &mut self.open {
            *heartbeat = Heartbeat::PingAt(now);
        }
    }

    /// A frame came.
    pub(crate) fn received(&mut self, now: Instant, id: ConnectionId, frame: ServerFrame) -> Vec<Effect> {
        if !self.is_open(id) {
            return Vec::new();
        }
        self.heard(now, id);
        let mut effects = match frame {
            ServerFrame::Notifications { channel, items, reference } => {
                self.notified(now, id, channel, items, reference)
            }
            ServerFrame::Subscribed(answer) => self.subscribed(now, &answer),
            ServerFrame::Error(refusal) => self.refused(now, id, refusal),
            ServerFrame::Gateway(_) => {
                self.something_failed(now);
                Vec::new()
            }
            ServerFrame::Other => Vec::new(),
        };
        effects.extend(self.ask(now));
        effects
    }

    /// The time has come to do something.
    pub(crate) fn fired(&mut self, now: Instant) -> Vec<Effect> {
        let mut effects = self.streams_fired(now);
        effects.extend(self.heartbeat_fired(now));
        if let Next::At(at) = self.next
            && at <= now
        {
            self.connections += 1;
            let id = ConnectionId(self.connections);
            self.next = Next::Opening(id);
            effects.push(Effect::Connect(id));
        }
        effects
    }

    fn streams_fired(&mut self, now: Instant) -> Vec<Effect> {
        let Some(id) = self.open.as_ref().map(|open| open.id) else { return Vec::new() };
        let (mut turn, streams) = self.turn(now);
        if streams.values_mut().any(|stream| stream.fired(&mut turn)) {
            return self.give_up(now, id, "the server stopped answering");
        }
        self.ask(now)
    }

    /// Asks what waits to be asked, the longest waiting first, as far as there is room.
    fn ask(&mut self, now: Instant) -> Vec<Effect> {
        let Some(id) = self.open.as_ref().map(|open| open.id) else { return Vec::new() };
        let (mut turn, streams) = self.turn(now);
        let room = MAX_QUESTIONS.saturating_sub(streams.values().filter(|stream| stream.is_asking()).count());
        let mut waiting: Vec<_> = streams.iter_mut().filter(|(_, stream)| stream.waiting().is_some()).collect();
        waiting.sort_by_key(|(_, stream)| stream.waiting());
        let first = waiting.into_iter().take(room);
        first.map(|(channel, stream)| subscribe(id, channel, stream.ask(&mut turn))).collect()
    }

    fn heartbeat_fired(&mut self, now: Instant) -> Vec<Effect> {
        let pong_by = later(now, self.timing.pong);
        match &mut self.open {
            Some(open) if open.heartbeat.deadline() <= now => match open.heartbeat {
                Heartbeat::PingAt(_) => {
                    open.heartbeat = Heartbeat::PongBy(pong_by);
                    vec![Effect::Send(open.id, ClientFrame::Ping)]
                }
                Heartbeat::PongBy(_) => {
                    let id = open.id;
                    self.give_up(now, id, "nothing answered a ping")
                }
            },
            _ => Vec::new(),
        }
    }

    fn notified(
        &mut self,
        now: Instant,
        id: ConnectionId,
        channel: Channel,
        items: Vec<Item>,
        reference: Option<u64>,
    ) -> Vec<Effect> {
        let (mut turn, streams) = self.turn(now);
        if !streams.contains_key(&channel) {
            // Joined by connecting, though nobody knew: a token whose claims this client cannot read.
            let mut stream = Stream::new(None);
            stream.connected(&mut turn);
            streams.insert(channel.clone(), stream);
        }
        let Some(stream) = streams.get_mut(&channel) else { return Vec::new() };
        let before = stream.cursor();
        let is_replay = stream.waits_for(reference);
        let steps = stream.take(&mut turn, items, is_replay);
        let mut effects = told(&channel, steps, before, stream.cursor());
        if stream.is_overfull() {
            effects.extend(self.give_up(now, id, "too much came out of order"));
        } else if is_replay {
            // On a slow link the others' answers wait behind this one.
            streams.values_mut().for_each(|stream| stream.renew(&mut turn));
        }
        effects
    }

    fn subscribed(&mut self, now: Instant, answer: &Subscribed) -> Vec<Effect> {
        self.backoff.proved();
        let (mut turn, streams) = self.turn(now);
        let Some((channel, stream)) = streams.iter_mut().find(|(_, stream)| stream.waits_for(answer.reference)) else {
            return Vec::new();
        };
        let before = stream.cursor();
        let steps = stream.answered(&mut turn, answer);
        told(channel, steps, before, stream.cursor())
    }

    fn refused(&mut self, now: Instant, id: ConnectionId, refusal: Refusal) -> Vec<Effect> {
        let reason = || format!("{}: {}", refusal.code, refusal.detail);
        // One more at once would close another one of this user's.
        if refusal.code == "too_many_connections" {
            let wait = within(&mut self.rng, &self.timing.crowded);
            return vec![Effect::Close(id), self.lost_for(now, reason(), wait)];
        }
        // These are about the connection, not about a channel.
        if matches!(refusal.code.as_str(), "expired_token" | "invalid_token" | "missing_token" | "connection_gone") {
            return self.give_up(now, id, &reason());
        }
        let (mut turn, streams) = self.turn(now);
        let Some((channel, stream)) = streams.iter_mut().find(|(_, stream)| stream.waits_for(refusal.reference)) else {
            return Vec::new();
        };
        if !is_permanent(&refusal.code) {
            stream.put_off(&mut turn, refusal.retry_after.unwrap_or_default());
            return Vec::new();
        }
        stream.refused();
        let (channel, Refusal { code, detail, .. }) = (channel.clone(), refusal);
        vec![Effect::Tell(Event::Refused { channel, code, detail })]
    }

    fn something_failed(&mut self, now: Instant) {
        let (mut turn, streams) = self.turn(now);
        for stream in streams.values_mut() {
            stream.something_failed(&mut turn);
        }
    }

    fn is_open(&self, id: ConnectionId) -> bool {
        self.open.as_ref().is_some_and(|open| open.id == id)
    }

    fn is_opening(&self, id: ConnectionId) -> bool {
        matches!(self.next, Next::Opening(opening) if opening == id)
    }

    fn ping_later(&mut self, now: Instant) -> Heartbeat {
        Heartbeat::PingAt(later(now, silence(&mut self.rng, &self.timing.ping, self.answered_pings)))
    }

    fn give_up(&mut self, now: Instant, id: ConnectionId, reason: &str) -> Vec<Effect> {
        vec![Effect::Close(id), self.lost(now, reason.to_owned())]
    }

    fn lost(&mut self, now: Instant, reason: String) -> Effect {
        self.lost_for(now, reason, Duration::ZERO)
    }

    /// The same; the next connection is to wait that long at least, unless it is being opened.
    fn lost_for(&mut self, now: Instant, reason: String, least: Duration) -> Effect {
        self.open = None;
        self.answered_pings = 0;
        self.streams.values_mut().for_each(Stream::disconnected);
        let retry_in = match self.next {
            Next::At(_) => {
                let wait = self.backoff.after_loss(&mut self.rng, &self.timing).max(least);
                self.next = Next::At(later(now, wait));
                wait
            }
            Next::Opening(_) => Duration::ZERO,
        };
        Effect::Tell(Event::Disconnected { reason, retry_in })
    }

    fn turn(&mut self, now: Instant) -> (Turn<'_>, &mut BTreeMap<Channel, Stream>) {
        let turn = Turn { now, timing: &self.timing, rng: &mut self.rng, reference: &mut self.reference };
        (turn, &mut self.streams)
    }
}

/// Whether asking again does not mend it. Any other error of a channel may pass, also one that this release does not know.
fn is_permanent(code: &str) -> bool {
    matches!(code, "forbidden" | "not_found" | "too_many_subscriptions")
        || code.starts_with("invalid_")
        || code.starts_with("unknown_")
}

fn subscribe(id: ConnectionId, channel: &Channel, question: Question) -> Effect {
    let Question { after, reference } = question;
    Effect::Send(id, ClientFrame::Subscribe { channel: channel.clone(), after, reference })
}

fn told(channel: &Channel, steps: Vec<Step>, before: Option<u64>, cursor: Option<u64>) -> Vec<Effect> {
    let event = |step| match step {
        Step::Item(item) => Event::Notification { channel: channel.clone(), item },
        Step::Gap { after, resumed_at } => Event::Gap { channel: channel.clone(), after, resumed_at },
        Step::Reset { after, seq } => Event::Reset { channel: channel.clone(), after, seq },
    };
    let moved = (cursor != before).then(|| Effect::Moved(Cursor { channel: channel.clone(), seq: cursor }));
    steps.into_iter().map(|step| Effect::Tell(event(step))).chain(moved).collect()
}
