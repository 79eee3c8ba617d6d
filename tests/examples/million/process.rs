//! A process of the share function, or of who sends: what `shared/src/actions/segment.rs` and `push.rs` do, in steps.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use shared::aws::management::{MOST, PAUSES};
use shared::domain::connection::ConnectionId;
use shared::domain::rate_limit::RateLimit;
use shared::domain::segment::{
    Next, OWN, PAGE, Range, Segment, SegmentJob, SingleConnection, Wait, is_time_for_a_page,
};
use shared::domain::shortage::Shortage;

use crate::assumed::{AGAIN, ENOUGH, GET, PROMPT, QUERY, RECEIVED, RESERVE, SEND, TIMEOUT, UNDER_WAY};
use crate::audience::Key;
use crate::calendar::Event;
use crate::gateway::Answer;
use crate::queue::{Message, share};
use crate::world::World;

/// So many that did not take it are queued at once.
const BATCH: usize = 10;

/// One run of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) process: usize,
    nth: u64,
}

/// A post, and how often it was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    run: Run,
    key: Key,
    tries: usize,
}

impl Try {
    pub(crate) fn run(self) -> Run {
        self.run
    }
}

/// A process, with the state that it keeps from one run to the next, and its run.
pub(crate) struct Process {
    /// None for who sends.
    pace: Option<RateLimit>,
    removals: RateLimit,
    shortage: Shortage,
    nth: u64,
    /// The number of posts that may be under way, and the number that are.
    places: usize,
    under_way: usize,
    waiting: VecDeque<Try>,
    message: Message,
    range: Range,
    began: Duration,
    /// Who was read, and is not posted to yet.
    keys: VecDeque<Key>,
    next: Next,
    /// Whether another page is to come, and how many posts have not come to their end.
    reads: bool,
    waits_for_page: bool,
    open: usize,
    /// Whose first turn is to come.
    asked: BTreeSet<Key>,
    /// While nobody is served: whose post is to find out, and who waits for that.
    probe: Option<Key>,
    behind_probe: VecDeque<Try>,
    /// Whether the push has stopped, and whether some had no turn.
    is_halted: bool,
    has_left_out: bool,
    /// Whether posts go one at a time until one is served, and how many were refused since one was.
    is_wary: bool,
    refusals: usize,
    is_served: bool,
    is_over: bool,
    tried: Option<Key>,
    untried: Vec<Key>,
    refused: Vec<Key>,
}

impl Process {
    pub(crate) fn new(pace: Option<RateLimit>, removals: RateLimit) -> Self {
        Self {
            pace,
            removals,
            shortage: Shortage::default(),
            nth: 0,
            places: 1,
            under_way: 0,
            waiting: VecDeque::new(),
            message: Message { share: share(Range::default()), received: 0 },
            range: Range::default(),
            began: Duration::ZERO,
            keys: VecDeque::new(),
            next: Next::default(),
            reads: false,
            waits_for_page: false,
            open: 0,
            asked: BTreeSet::new(),
            probe: None,
            behind_probe: VecDeque::new(),
            is_halted: false,
            has_left_out: false,
            is_wary: false,
            refusals: 0,
            is_served: false,
            is_over: false,
            tried: None,
            untried: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Begins with a message; what it has learned of the API is kept.
    fn takes(&mut self, message: Message, now: Duration) {
        let removals = self.removals.clone();
        let (shortage, nth, places) = (self.shortage.clone(), self.nth + 1, self.places);
        let fresh = Self::new(self.pace.take(), removals);
        let is_wary = message.share.refused > 0 && !matches!(message.share.segment, Segment::One(_));
        *self = Self { shortage, nth, places, message, is_wary, began: now, ..fresh };
    }

    /// None if it is too late.
    fn turn(&mut self, now: Duration) -> Option<Duration> {
        self.pace.as_mut().map_or(Some(now), |pace| pace.turn(now))
    }

    /// Whether its message is about one that did not take the notification before.
    fn is_known(&self) -> bool {
        matches!(self.message.share.segment, Segment::One(_))
    }

    fn has_stopped(&self) -> bool {
        self.is_halted || self.has_left_out
    }

    fn is_probing(&self) -> bool {
        self.is_wary || self.shortage.is_total()
    }

    /// The rest of its range, which no other worker has.
    fn left(&mut self) -> Vec<(SegmentJob, Wait)> {
        let message = &self.message.share;
        let (Segment::Range(range) | Segment::Piece(range)) = &message.segment else {
            let is_left = !self.untried.is_empty();
            return message.clone().later(false).filter(|_| is_left).into_iter().collect();
        };
        let is_open = self.next.go_on.is_some();
        let has_stopped = is_open || !self.untried.is_empty();
        if !self.is_served && message.refused == 0 && (has_stopped || self.shortage.is_total()) {
            self.tried = None;
            self.untried.append(&mut self.refused);
        }
        let later = |segment: Segment| SegmentJob { segment, ..message.clone() }.later(self.is_served);
        let text = |key: Option<Key>| key.map(Key::text);
        let last = self.untried.iter().max().copied();
        let rest = range.untried(text(self.tried).as_deref(), text(last).as_deref(), is_open);
        let singly = self.untried.iter().filter(|key| Some(**key) < self.tried);
        let singly = singly.map(|key| Segment::One(SingleConnection::untried(ConnectionId(key.text()))));
        let is_left = !self.untried.is_empty() || is_open;
        rest.map(Segment::from).into_iter().chain(singly).filter(|_| is_left).filter_map(later).collect()
    }
}

impl World {
    fn of(&mut self, run: Run) -> &mut Process {
        &mut self.processes[run.process]
    }

    /// Whether this run is still going on.
    pub(crate) fn goes_on(&self, run: Run) -> bool {
        self.processes[run.process].nth == run.nth
    }

    pub(crate) fn begin(&mut self, process: usize, message: Message) {
        let now = self.calendar.now;
        let it = &mut self.processes[process];
        it.takes(message, now);
        let run = Run { process, nth: it.nth };
        if it.pace.is_some() {
            self.tally.invocations += 1;
            self.tally.read_units += 1;
            self.calendar.after(TIMEOUT - RESERVE, Event::TimeUp(run));
            self.calendar.after(GET, Event::Opened(run));
        } else {
            self.calendar.after(QUERY, Event::Read(run));
        }
    }

    pub(crate) fn opened(&mut self, run: Run) {
        match self.of(run).message.share.segment.clone() {
            Segment::Range(range) | Segment::Piece(range) => {
                self.of(run).range = range;
                self.begin_page(run);
            }
            Segment::One(one) => {
                let it = self.of(run);
                (it.keys, it.next) = ([Key::read(one.connection.as_str())].into(), Next::default());
                self.post_all(run);
            }
        }
    }

    pub(crate) fn begin_page(&mut self, run: Run) {
        let now = self.calendar.now;
        let it = self.of(run);
        it.reads = true;
        if is_time_for_a_page((it.began + TIMEOUT).saturating_sub(now)) {
            return self.calendar.after(QUERY, Event::Read(run));
        }
        let range = it.range.clone();
        self.send(vec![(share(range), Duration::ZERO)]);
        self.calendar.after(SEND, Event::HandedOver(run));
    }

    /// Somebody else goes on.
    pub(crate) fn handed_over(&mut self, run: Run) {
        self.of(run).reads = false;
        self.settle_if_done(run);
    }

    pub(crate) fn read(&mut self, run: Run) {
        let range = self.of(run).range.clone();
        let is_refused = self.of(run).shortage.is_total();
        let most = self.of(run).pace.as_ref().map_or(PAGE, RateLimit::page);
        let keys = self.audience.page(&range, most);
        self.tally.queried(keys.len());
        let last = keys.last().filter(|_| keys.len() == most).map(|last| last.text());
        let last = last.filter(|last| range.until.as_ref().is_none_or(|until| last < until));
        let own = |own| if is_refused { usize::MAX } else { own };
        let mut next = range.after_page(most, last.as_deref(), own(OWN));
        if self.of(run).pace.is_none() {
            // Who sends goes on with nothing.
            let rest = last.map_or_else(Vec::new, |last| range.rest(PAGE, &last, own(PAGE)));
            next = Next { hand_on: rest, go_on: None };
        }
        let parts: Vec<(SegmentJob, Duration)> =
            next.hand_on.drain(..).map(|range| (share(range), Duration::ZERO)).collect();
        let it = self.of(run);
        (it.keys, it.next) = (keys.into(), next);
        if parts.is_empty() {
            return self.post_all(run);
        }
        self.send(parts);
        self.calendar.after(SEND, Event::HandedOn(run));
    }

    pub(crate) fn post_all(&mut self, run: Run) {
        self.of(run).reads = false;
        self.fill(run);
        self.settle_if_done(run);
    }

    /// Posts to as many as may be under way, or wait for another try. When that is the last of a page, another is read.
    fn fill(&mut self, run: Run) {
        while self.of(run).open < UNDER_WAY {
            let Some(key) = self.of(run).keys.pop_front() else { return self.go_on(run) };
            self.of(run).open += 1;
            self.wait_for_turn(Try { run, key, tries: 0 });
        }
    }

    fn go_on(&mut self, run: Run) {
        let now = self.calendar.now;
        let it = self.of(run);
        if it.reads || it.has_stopped() {
            return;
        }
        if let Some(rest) = it.next.go_on.clone() {
            (it.range, it.reads, it.waits_for_page) = (rest, true, true);
            let near = it.pace.as_ref().map_or(now, |pace| pace.near(now));
            self.calendar.at(near, Event::Near(run));
        }
    }

    /// The next page is read, unless the push has stopped meanwhile.
    pub(crate) fn near(&mut self, run: Run) {
        let it = self.of(run);
        if !std::mem::take(&mut it.waits_for_page) {
            return;
        }
        if it.has_stopped() {
            it.reads = false;
            return self.settle_if_done(run);
        }
        it.next.go_on = None;
        self.begin_page(run);
    }

    /// A post waits for its turn, if that is not too far; while no connection is served, posts go out one at a time.
    pub(crate) fn wait_for_turn(&mut self, post: Try) {
        let now = self.calendar.now;
        let it = self.of(post.run);
        if post.tries == 0 {
            if it.is_halted {
                return self.calendar.at(now, Event::LeftOut(post));
            }
            if it.is_probing() {
                if it.probe.is_some() {
                    return it.behind_probe.push_back(post);
                }
                it.probe = Some(post.key);
            }
        }
        match it.turn(now) {
            Some(turn) => {
                if post.tries == 0 {
                    it.asked.insert(post.key);
                }
                self.calendar.at(turn, Event::Turn(post));
            }
            None if post.tries == 0 => {
                it.has_left_out = true;
                self.calendar.at(now, Event::LeftOut(post));
            }
            None => {
                it.refused.push(post.key);
                self.done(post);
            }
        }
    }

    pub(crate) fn left_out(&mut self, post: Try) {
        self.of(post.run).untried.push(post.key);
        self.done(post);
    }

    /// A post passes the gate, or waits before it.
    pub(crate) fn turn(&mut self, post: Try) {
        let it = self.of(post.run);
        if post.tries == 0 && !it.asked.remove(&post.key) {
            // The push has stopped before.
            return;
        }
        it.waiting.push_back(post);
        self.pass(post.run);
    }

    /// Nobody is served: who has not posted yet is left out.
    fn halt(&mut self, run: Run) {
        let now = self.calendar.now;
        let it = self.of(run);
        it.is_halted = true;
        if let Some(pace) = &mut it.pace {
            pace.give_back(now);
        }
        let asked = std::mem::take(&mut it.asked).into_iter().map(|key| Try { run, key, tries: 0 });
        let left_out: Vec<Try> = asked.chain(std::mem::take(&mut it.behind_probe)).collect();
        for post in left_out {
            self.calendar.at(now, Event::LeftOut(post));
        }
        self.calendar.at(now, Event::Near(run));
    }

    fn pass(&mut self, run: Run) {
        let now = self.calendar.now;
        while self.of(run).under_way < self.of(run).places {
            let Some(post) = self.of(run).waiting.pop_front() else { return };
            let it = self.of(run);
            if post.tries == 0 && it.is_halted {
                self.calendar.at(now, Event::LeftOut(post));
                continue;
            }
            if post.tries > 0 && it.shortage.is_total() {
                it.refused.push(post.key);
                self.calendar.at(now, Event::GivenUp(post));
                continue;
            }
            it.under_way += 1;
            if it.pace.is_some() {
                self.tally.tried(now);
            }
            let is_there = self.clients.is_there(post.key);
            let (answer, takes) = self.gateway.post(is_there, now, &mut self.dice);
            if takes > PROMPT {
                self.calendar.after(PROMPT, Event::Waits(run));
            }
            self.calendar.after(takes, Event::Answered(post, answer, takes <= PROMPT));
        }
    }

    /// One more may be under way: who is answered promptly, or is not, lets another pass.
    pub(crate) fn widen(&mut self, run: Run) {
        let it = self.of(run);
        it.places = (it.places + 1).min(MOST);
        self.pass(run);
    }

    pub(crate) fn answered(&mut self, post: Try, answer: Answer, promptly: bool) {
        let (run, now) = (post.run, self.calendar.now);
        self.of(run).under_way -= 1;
        if promptly && answer != Answer::Throttled {
            self.widen(run);
        }
        self.pass(run);
        let it = self.of(run);
        it.tried = it.tried.max(Some(post.key));
        if answer != Answer::Throttled {
            self.taken(post, answer, now);
            return self.done(post);
        }
        let is_known = post.tries > 0 || it.is_known();
        if post.tries == 0 {
            it.shortage.record_refused();
        }
        if let Some(pace) = it.pace.as_mut().filter(|_| !is_known || it.shortage.is_general()) {
            pace.slow_down();
        }
        let is_total = it.shortage.is_total();
        let pauses = if it.is_known() || is_total { &PAUSES[..0] } else { &PAUSES[..] };
        self.tally.throttled += 1;
        if let Some(most) = pauses.get(post.tries) {
            let pause = self.dice.within(*most as f64 / 4000.0..*most as f64 / 1000.0);
            let again = Try { tries: post.tries + 1, ..post };
            return self.calendar.after(pause, Event::Again(again));
        }
        let it = self.of(run);
        it.refused.push(post.key);
        it.refusals += 1;
        if !it.is_halted && (is_total || it.is_wary && it.refusals >= ENOUGH) {
            self.halt(run);
        }
        self.done(post);
    }

    /// One post has come to its end.
    pub(crate) fn done(&mut self, post: Try) {
        let run = post.run;
        let it = self.of(run);
        it.open -= 1;
        if it.probe == Some(post.key) {
            it.probe = None;
            let behind = std::mem::take(&mut it.behind_probe);
            for post in behind {
                self.wait_for_turn(post);
            }
        }
        if self.of(run).is_served && self.of(run).refused.len() >= BATCH {
            self.queue_again(run);
        }
        self.fill(run);
        self.settle_if_done(run);
    }

    fn settle_if_done(&mut self, run: Run) {
        let it = self.of(run);
        if it.open == 0 && !it.reads && !it.is_over {
            it.is_over = true;
            let left = it.left();
            let is_queueing = !it.refused.is_empty() || !left.is_empty();
            self.queue_again(run);
            self.tally.stopped += u64::from(!left.is_empty());
            self.send_later(left);
            self.calendar.after(if is_queueing { SEND } else { Duration::ZERO }, Event::Ended(run));
        }
    }

    fn taken(&mut self, post: Try, answer: Answer, now: Duration) {
        let after = now - self.sent_at.unwrap_or_default();
        self.tally.posts += 1;
        self.tally.last_post = self.tally.last_post.max(after);
        let it = self.of(post.run);
        it.shortage.record_served();
        (it.is_served, it.is_wary, it.refusals) = (true, false, 0);
        if let Some(pace) = &mut it.pace {
            pace.speed_up();
        }
        if answer == Answer::Gone {
            let is_removed = it.removals.turn(now).is_some();
            self.tally.gone += 1;
            if is_removed {
                self.tally.removed += 1;
                self.audience.remove(post.key);
            }
            return;
        }
        self.tally.told(self.clients.owner(post.key), after);
    }

    /// Those that were refused are queued.
    fn queue_again(&mut self, run: Run) {
        let it = self.of(run);
        let message = it.message.share.clone();
        let is_served = it.is_served && !it.is_known();
        let one = |key: &Key| match &message.segment {
            Segment::One(one) => Segment::One(one.clone()),
            _ => Segment::One(SingleConnection::untried(ConnectionId(key.text()))),
        };
        let refused = std::mem::take(&mut it.refused);
        let again: Vec<(SegmentJob, Wait)> = refused
            .iter()
            .filter_map(|key| SegmentJob { segment: one(key), ..message.clone() }.later(is_served))
            .collect();
        self.tally.queued += again.len() as u64;
        self.send_later(again);
    }

    fn send_later(&mut self, shares: Vec<(SegmentJob, Wait)>) {
        let dice = &mut self.dice;
        let delayed = |(share, wait): (SegmentJob, Wait)| {
            let seconds = dice.within(*wait.start() as f64 / 1000.0..*wait.end() as f64 / 1000.0).as_secs();
            (share, Duration::from_secs(seconds))
        };
        let shares: Vec<(SegmentJob, Duration)> = shares.into_iter().map(delayed).collect();
        self.send(shares);
    }

    /// The queue delivers the message once more, if it may.
    pub(crate) fn time_up(&mut self, run: Run) {
        self.tally.time_ups += 1;
        let message = self.of(run).message.clone();
        if message.received < RECEIVED {
            let seconds = AGAIN[(message.received - 1).min(AGAIN.len() - 1)];
            self.calendar.after(Duration::from_secs(seconds), Event::Seen(message));
        } else {
            self.tally.dead += 1;
        }
        self.end(run);
    }

    pub(crate) fn end(&mut self, run: Run) {
        let now = self.calendar.now;
        let it = self.of(run);
        it.nth += 1;
        let took = now - it.began;
        if it.pace.is_some() {
            self.tally.billed += took;
            self.queue.ended(run.process);
            self.look();
        }
    }
}
