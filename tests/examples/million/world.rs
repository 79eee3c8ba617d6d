//! A case, from the beginning to the end.

use std::time::Duration;

use shared::domain::rate_limit::RateLimit;
use shared::domain::segment::{Range, SegmentJob};

use crate::assumed::{COLD_START, EACH_REMOVAL, LATEST_REMOVAL, PICK_UP, SEND};
use crate::audience::{Audience, Key};
use crate::calendar::{Calendar, Event};
use crate::case::Case;
use crate::clients::Clients;
use crate::dice::Dice;
use crate::gateway::Gateway;
use crate::options::Options;
use crate::process::Process;
use crate::queue::{Message, Queue, share};
use crate::tally::Tally;

/// The number of messages in a batch.
const BATCH: usize = 10;

/// Who sends is a process that is not the queue's.
const SENDER: usize = 0;

pub(crate) struct World {
    pub(crate) case: Case,
    pub(crate) dice: Dice,
    pub(crate) calendar: Calendar,
    pub(crate) gateway: Gateway,
    pub(crate) audience: Audience,
    pub(crate) clients: Clients,
    pub(crate) queue: Queue,
    pub(crate) processes: Vec<Process>,
    pub(crate) tally: Tally,
    /// When the notification was put into the log.
    pub(crate) sent_at: Option<Duration>,
    /// Whether the mapping is to look again.
    looks: bool,
}

/// The outcome of a case.
pub(crate) struct Outcome {
    pub(crate) case: Case,
    pub(crate) tally: Tally,
    /// Which part of others' requests was refused, and of the clients' pings.
    pub(crate) others_refused: f64,
    pub(crate) pings_refused: f64,
}

impl World {
    pub(crate) fn new(case: Case, options: &Options) -> Self {
        let count = options.connections;
        let mut world = Self {
            case,
            dice: Dice::new(options.seed),
            calendar: Calendar::default(),
            gateway: Gateway::new(&case),
            audience: Audience::default(),
            clients: Clients::new(count),
            queue: Queue::new(case.share_concurrency),
            processes: vec![Process::new(None, RateLimit::within(EACH_REMOVAL, LATEST_REMOVAL))],
            tally: Tally::of(count),
            sent_at: None,
            looks: false,
        };
        for number in 0..count {
            let hash = world.dice.bits() >> 48;
            world.audience.insert(Key::new(hash, number.into()));
        }
        world
    }

    pub(crate) fn run(mut self) -> Outcome {
        if self.case.storm.is_some() {
            for client in 0..u32::try_from(self.tally.told.len()).unwrap() {
                self.lose(client);
            }
        }
        self.calendar.at(self.case.storm.unwrap_or_default(), Event::Sent);
        while let Some(event) = self.calendar.next() {
            self.happens(event);
        }
        Outcome {
            case: self.case,
            others_refused: self.gateway.others_refused(),
            pings_refused: self.gateway.pings.refused(),
            tally: self.tally,
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Sent => {
                self.sent_at = Some(self.calendar.now);
                self.begin(SENDER, Message { share: share(Range::default()), received: 1 });
            }
            Event::Seen(message) => {
                self.queue.seen.push_back(message);
                self.look();
            }
            Event::Look => {
                self.looks = false;
                self.look();
            }
            Event::Begun(process, message) => self.begin(process, message),
            Event::Clients => self.connect(),
            Event::Connected(client) => self.connected(client),
            Event::Frame(client, of_channel) => self.frame(client, of_channel),
            Event::Turn(post) if self.goes_on(post.run()) => self.turn(post),
            Event::Again(post) if self.goes_on(post.run()) => self.wait_for_turn(post),
            Event::GivenUp(post) if self.goes_on(post.run()) => self.done(post),
            Event::LeftOut(post) if self.goes_on(post.run()) => self.left_out(post),
            Event::Answered(post, answer, promptly) if self.goes_on(post.run()) => {
                self.answered(post, answer, promptly);
            }
            Event::Opened(run) if self.goes_on(run) => self.opened(run),
            Event::Read(run) if self.goes_on(run) => self.read(run),
            Event::HandedOn(run) if self.goes_on(run) => self.post_all(run),
            Event::Waits(run) if self.goes_on(run) => self.widen(run),
            Event::Near(run) if self.goes_on(run) => self.near(run),
            Event::HandedOver(run) if self.goes_on(run) => self.handed_over(run),
            Event::Ended(run) if self.goes_on(run) => self.end(run),
            Event::TimeUp(run) if self.goes_on(run) => self.time_up(run),
            // Of a run that was ended.
            _ => {}
        }
    }

    /// Hands messages to the queue, each to be seen after its delay.
    pub(crate) fn send(&mut self, shares: Vec<(SegmentJob, Duration)>) {
        self.tally.messages += shares.len() as u64;
        self.tally.batches += shares.len().div_ceil(BATCH) as u64;
        for (share, delay) in shares {
            self.calendar.after(SEND + delay, Event::Seen(Message { share, received: 0 }));
        }
    }

    /// The mapping gives messages to the function.
    pub(crate) fn look(&mut self) {
        while let Some(message) = self.queue.receive(self.calendar.now) {
            let idle = self.queue.idle.pop();
            let wait = if idle.is_some() { PICK_UP } else { PICK_UP + COLD_START };
            let process = idle.unwrap_or_else(|| {
                let removals = RateLimit::within(self.case.removals(), LATEST_REMOVAL);
                self.processes.push(Process::new(Some(RateLimit::new(self.case.interval())), removals));
                self.processes.len() - 1
            });
            self.calendar.after(wait, Event::Begun(process, message));
        }
        if self.queue.grows() && !self.looks {
            self.looks = true;
            self.calendar.after(Duration::from_millis(200), Event::Look);
        }
    }
}
