//! A process of the share function, or of who sends: what `shared/src/actions/share.rs` and `push.rs` do, in steps.

use std::collections::VecDeque;
use std::time::Duration;

use shared::aws::management::{MOST, PAUSES};
use shared::domain::pace::Pace;
use shared::domain::share::{Next, OWN, One, PAGE, Part, Range, is_time_for_a_page};
use shared::domain::time::Millis;

use crate::assumed::{AGAIN, GET, PROMPT, QUERY, RECEIVED, RESERVE, SEND, TIMEOUT, UNDER_WAY};
use crate::audience::Key;
use crate::calendar::Event;
use crate::gateway::Answer;
use crate::queue::Message;
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

/// What a process keeps from one run to the next, and its run.
pub(crate) struct Process {
    /// None for who sends.
    pace: Option<Pace>,
    nth: u64,
    /// How many posts may be under way, and are.
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
    open: usize,
    slow: Vec<Key>,
}

impl Process {
    pub(crate) fn new(pace: Option<Pace>) -> Self {
        Self {
            pace,
            nth: 0,
            places: 1,
            under_way: 0,
            waiting: VecDeque::new(),
            message: Message { part: Part::Range(Range::default()), received: 0 },
            range: Range::default(),
            began: Duration::ZERO,
            keys: VecDeque::new(),
            next: Next::default(),
            reads: false,
            open: 0,
            slow: Vec::new(),
        }
    }

    /// None if it is too late.
    fn turn(&mut self, now: Duration) -> Option<Duration> {
        self.pace.as_mut().map_or(Some(now), |pace| pace.turn(now))
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
        it.nth += 1;
        (it.began, it.under_way, it.open, it.reads) = (now, 0, 0, false);
        it.waiting.clear();
        it.keys.clear();
        it.slow.clear();
        it.message = message;
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
        match self.of(run).message.part.clone() {
            Part::Range(range) => {
                self.of(run).range = range;
                self.begin_page(run);
            }
            Part::One(one) => {
                let it = self.of(run);
                (it.keys, it.next) = ([Key::read(&one.connection)].into(), Next::default());
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
        self.send(vec![Part::Range(range)], Duration::ZERO);
        self.calendar.after(SEND, Event::HandedOver(run));
    }

    /// Somebody else goes on.
    pub(crate) fn handed_over(&mut self, run: Run) {
        self.of(run).reads = false;
        self.settle_if_done(run);
    }

    pub(crate) fn read(&mut self, run: Run) {
        let range = self.of(run).range.clone();
        let most = self.of(run).pace.as_ref().map_or(PAGE, Pace::page);
        let keys = self.audience.page(&range, most);
        self.tally.queried(keys.len());
        let last = keys.last().filter(|_| keys.len() == most).map(|last| last.text());
        let mut next = range.after_page(most, last.as_deref(), OWN);
        if self.of(run).pace.is_none() {
            // Who sends goes on with nothing.
            let rest = last.map_or_else(Vec::new, |last| range.rest(PAGE, &last, PAGE));
            next = Next { hand_on: rest, go_on: None };
        }
        let parts: Vec<Part> = next.hand_on.drain(..).map(Part::Range).collect();
        let it = self.of(run);
        (it.keys, it.next) = (keys.into(), next);
        if parts.is_empty() {
            return self.post_all(run);
        }
        self.send(parts, Duration::ZERO);
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
        if let Some(rest) = it.next.go_on.take() {
            (it.range, it.reads) = (rest, true);
            let near = it.pace.as_ref().map_or(now, |pace| pace.near(now));
            self.calendar.at(near, Event::Near(run));
        }
    }

    /// A post waits for its turn, if that is not too far.
    pub(crate) fn wait_for_turn(&mut self, post: Try) {
        let now = self.calendar.now;
        match self.of(post.run).turn(now) {
            Some(turn) => self.calendar.at(turn, Event::Turn(post)),
            None => {
                self.of(post.run).slow.push(post.key);
                self.calendar.at(now, Event::GivenUp(post));
            }
        }
    }

    /// A post passes the gate, or waits before it.
    pub(crate) fn turn(&mut self, post: Try) {
        self.of(post.run).waiting.push_back(post);
        self.pass(post.run);
    }

    fn pass(&mut self, run: Run) {
        let now = self.calendar.now;
        while self.of(run).under_way < self.of(run).places {
            let Some(post) = self.of(run).waiting.pop_front() else { return };
            let it = self.of(run);
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
        if promptly {
            self.widen(run);
        }
        self.pass(run);
        if answer == Answer::Throttled {
            self.tally.throttled += 1;
            if let Some(pace) = &mut self.of(run).pace {
                pace.slow_down();
            }
            match PAUSES.get(post.tries) {
                Some(most) => {
                    let pause = self.dice.within(*most as f64 / 4000.0..*most as f64 / 1000.0);
                    let again = Try { tries: post.tries + 1, ..post };
                    return self.calendar.after(pause, Event::Again(again));
                }
                None => self.of(run).slow.push(post.key),
            }
        } else {
            self.taken(post, answer, now);
        }
        self.done(run);
    }

    /// One post has come to its end.
    pub(crate) fn done(&mut self, run: Run) {
        self.of(run).open -= 1;
        if self.of(run).slow.len() >= BATCH {
            self.queue_again(run);
        }
        self.fill(run);
        self.settle_if_done(run);
    }

    fn settle_if_done(&mut self, run: Run) {
        let it = self.of(run);
        if it.open == 0 && !it.reads {
            let wait = if it.slow.is_empty() { Duration::ZERO } else { SEND };
            self.queue_again(run);
            self.calendar.after(wait, Event::Ended(run));
        }
    }

    fn taken(&mut self, post: Try, answer: Answer, now: Duration) {
        let after = now - self.sent_at.unwrap_or_default();
        self.tally.posts += 1;
        self.tally.last_post = self.tally.last_post.max(after);
        if let Some(pace) = &mut self.of(post.run).pace {
            pace.speed_up();
        }
        if answer == Answer::Gone {
            self.tally.gone += 1;
            return self.audience.remove(post.key);
        }
        self.tally.told(self.clients.owner(post.key), after);
    }

    /// Those that did not take it are queued, or one that did not for the last time is cut.
    fn queue_again(&mut self, run: Run) {
        let now = Millis(i64::try_from(self.calendar.now.as_millis()).unwrap());
        let slow = std::mem::take(&mut self.of(run).slow);
        let one = match &self.of(run).message.part {
            Part::One(one) => Some(one.clone()),
            Part::Range(_) => None,
        };
        let mut again = Vec::new();
        for key in &slow {
            let first = || One { connection: key.text(), tries: 0 };
            match one.clone().unwrap_or_else(first).again(now) {
                Some(due) => again.push(due),
                None => self.cut(*key),
            }
        }
        if let Some((_, due)) = again.first() {
            self.tally.queued += again.len() as u64;
            // In whole seconds, counted from a little later.
            let delay = Duration::from_secs((due.0 - now.0 - 1).unsigned_abs() / 1000);
            self.send(again.into_iter().map(|(one, _)| Part::One(one)).collect(), delay);
        }
    }

    fn cut(&mut self, key: Key) {
        self.tally.cut += 1;
        self.audience.remove(key);
        if self.clients.is_there(key) {
            self.lose(self.clients.owner(key));
        }
    }

    /// The message comes again, if it may.
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
