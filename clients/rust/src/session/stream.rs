//! One channel on the connection: its order, and the one question that may be under way.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;

use crate::frame::Subscribed;
use crate::item::Item;
use crate::ordering::{Ordering, Step};
use crate::timing::{Timing, later, within};

/// A connection on which so many questions in a row stay unanswered is given up.
const MAX_UNANSWERED: u32 = 4;
/// So much may wait for its turn. A connection that brings more out of order is given up: a new one brings it in order.
const MAX_HELD: usize = 2_000;

/// A `subscribe` to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) after: Option<u64>,
    pub(super) reference: u64,
}

/// The session's part in every turn of a stream.
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) timing: &'a Timing,
    pub(super) rng: &'a mut StdRng,
    /// The newest `ref` that was used, on any channel.
    pub(super) reference: &'a mut u64,
}

#[derive(Clone, Debug)]
enum Request {
    Idle,
    /// A question is to be asked then.
    At(Instant),
    /// A question is to be asked as soon as fewer are under way. `since`: the newest `ref` when it began to wait.
    Waiting {
        since: u64,
    },
    /// A question is under way, and asked again at `until`. `failed`: the gateway said that some question failed; this
    /// one's answer may still come.
    Asked {
        until: Instant,
        failed: bool,
    },
    /// The server said no, for as long as this connection lives.
    Refused,
}

/// One channel of the connection.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    ordering: Ordering,
    request: Request,
    /// By its `ref`, the cursor of each question of this connection that may yet be answered.
    asked: BTreeMap<u64, Option<u64>>,
    /// Whether the log is known to hold more than what came.
    behind: bool,
    /// The number of times that a question was put off since one last helped.
    delays: u32,
    /// The number of questions in a row that brought nothing at all.
    unanswered: u32,
}

impl Stream {
    pub(super) fn new(cursor: Option<u64>) -> Self {
        let ordering = Ordering::new(cursor);
        Self { ordering, request: Request::Idle, asked: BTreeMap::new(), behind: true, delays: 0, unanswered: 0 }
    }

    pub(super) fn cursor(&self) -> Option<u64> {
        self.ordering.cursor()
    }

    /// The connection is lost, and with it every question.
    pub(super) fn disconnected(&mut self) {
        self.request = Request::Idle;
        self.asked.clear();
    }

    /// A connection is open.
    pub(super) fn connected(&mut self, turn: &mut Turn) {
        self.ordering.restart();
        self.asked.clear();
        self.behind = true;
        self.delays = 0;
        self.unanswered = 0;
        self.request = Request::Waiting { since: *turn.reference };
    }

    pub(super) fn take(&mut self, turn: &mut Turn, items: Vec<Item>, is_replay: bool) -> Vec<Step> {
        let steps = if is_replay { self.ordering.take_replayed(items) } else { self.ordering.take(items) };
        self.plan(turn);
        steps
    }

    /// Takes in the answer to a question of this connection, be it the last one or another.
    pub(super) fn answered(&mut self, turn: &mut Turn, answer: &Subscribed) -> Vec<Step> {
        let Some(reference) = answer.reference else { return Vec::new() };
        let Some(after) = self.asked.get(&reference).copied() else { return Vec::new() };
        self.asked = self.asked.split_off(&reference.saturating_add(1));
        let steps = self.ordering.answered(after, answer);
        self.request = Request::Idle;
        self.unanswered = 0;
        self.behind = answer.more || self.cursor() < Some(answer.seq);
        // Replayed items moved the cursor before their answer came.
        let helped = self.cursor() != after;
        if helped {
            self.delays = 0;
        }
        if self.behind && helped {
            self.request = Request::Waiting { since: *turn.reference };
        } else {
            self.plan(turn);
        }
        steps
    }

    /// Whether more came out of order than can be kept.
    pub(super) fn is_overfull(&self) -> bool {
        self.ordering.held() > MAX_HELD
    }

    /// Whether a question is under way.
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.request, Request::Asked { .. })
    }

    /// Since when a question waits until fewer are under way, if one does.
    pub(super) fn waiting(&self) -> Option<u64> {
        match self.request {
            Request::Waiting { since } => Some(since),
            _ => None,
        }
    }

    /// Whether this question is one that may yet be answered.
    pub(super) fn waits_for(&self, reference: Option<u64>) -> bool {
        reference.is_some_and(|reference| self.asked.contains_key(&reference))
    }

    /// An answer is under way on this connection, perhaps this one: it takes as long as the link needs.
    pub(super) fn renew(&mut self, turn: &mut Turn) {
        let patience = self.patience(turn);
        if let Request::Asked { until, failed: false } = &mut self.request {
            *until = later(turn.now, patience);
        }
    }

    /// The server cannot answer now, for so many seconds at least. It says so to many at once: up to a quarter more is waited.
    pub(super) fn put_off(&mut self, turn: &mut Turn, seconds: u32) {
        self.unanswered = 0;
        let least = Duration::from_secs(seconds.into());
        let wait = within(turn.rng, &(least..=least.saturating_mul(5) / 4)).saturating_add(self.delay(turn));
        self.request = Request::At(later(turn.now, wait));
    }

    /// The server does not want to answer.
    pub(super) fn refused(&mut self) {
        self.request = Request::Refused;
    }

    /// A question failed, perhaps this one.
    pub(super) fn something_failed(&mut self, turn: &mut Turn) {
        let Request::Asked { until, failed: false } = self.request else { return };
        let until = until.min(later(turn.now, self.delay(turn)));
        self.request = Request::Asked { until, failed: true };
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.request {
            Request::At(at) => Some(at),
            Request::Asked { until, .. } => Some(until),
            Request::Idle | Request::Waiting { .. } | Request::Refused => None,
        }
    }

    /// For so long nobody took in answers: that does not count as waiting for one.
    pub(super) fn stalled(&mut self, time: Duration) {
        if let Request::Asked { until, .. } = &mut self.request {
            *until = later(*until, time);
        }
    }

    /// The time may have come to ask. Says whether to give the connection up instead.
    pub(super) fn fired(&mut self, turn: &mut Turn) -> bool {
        if self.deadline().is_none_or(|at| at > turn.now) {
            return false;
        }
        if let Request::Asked { failed: false, .. } = self.request {
            self.unanswered += 1;
        }
        self.request = Request::Waiting { since: *turn.reference };
        self.unanswered == MAX_UNANSWERED
    }

    /// Asks.
    pub(super) fn ask(&mut self, turn: &mut Turn) -> Question {
        *turn.reference += 1;
        let question = Question { after: self.cursor(), reference: *turn.reference };
        self.asked.insert(question.reference, question.after);
        let until = later(turn.now, self.patience(turn));
        self.request = Request::Asked { until, failed: false };
        question
    }

    /// The time to wait for an answer, or for its next frame.
    fn patience(&self, turn: &mut Turn) -> Duration {
        within(turn.rng, &turn.timing.answer).saturating_mul(2_u32.pow(self.unanswered.min(2)))
    }

    /// Plans a question if something is missing, and forgets the plan if it came by itself.
    fn plan(&mut self, turn: &mut Turn) {
        let lacking = self.behind || self.ordering.has_gap();
        match self.request {
            Request::Idle if lacking => self.request = Request::At(later(turn.now, self.delay(turn))),
            Request::At(_) | Request::Waiting { .. } if !lacking => self.request = Request::Idle,
            _ => {}
        }
        if !lacking {
            self.delays = 0;
        }
    }

    fn delay(&mut self, turn: &mut Turn) -> Duration {
        let delay = within(turn.rng, &turn.timing.gap).saturating_mul(2_u32.pow(self.delays.min(3)));
        self.delays = self.delays.saturating_add(1);
        delay
    }
}
