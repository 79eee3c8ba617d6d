//! Clients that have lost their connection and come back.

use std::collections::VecDeque;
use std::time::Duration;

use crate::assumed::{ASK_AGAIN, CONNECT, FRAME, RECONNECT, RETRY};
use crate::audience::Key;
use crate::calendar::Event;
use crate::world::World;

/// Clients that wait are looked at so often, all at once.
const TICK: Duration = Duration::from_millis(50);

/// Each client's connection, and who waits for one.
pub(crate) struct Clients {
    /// The number of its connection, if it has one.
    connection: Vec<Option<u64>>,
    /// Whose connection this is.
    owner: Vec<u32>,
    failures: Vec<u8>,
    frames: Vec<u8>,
    /// Who tries by when; the first at the tick `at`.
    waiting: VecDeque<Vec<u32>>,
    at: usize,
    count: usize,
}

impl Clients {
    /// All have connections, which are numbered as they are.
    pub(crate) fn new(count: u32) -> Self {
        Self {
            connection: (0..count).map(|client| Some(client.into())).collect(),
            owner: (0..count).collect(),
            failures: vec![0; count as usize],
            frames: vec![0; count as usize],
            waiting: VecDeque::new(),
            at: 0,
            count: 0,
        }
    }

    pub(crate) fn owner(&self, key: Key) -> u32 {
        self.owner[key.number() as usize]
    }

    pub(crate) fn is_there(&self, key: Key) -> bool {
        self.connection[self.owner(key) as usize] == Some(key.number())
    }

    fn opens(&mut self, client: u32) -> u64 {
        let number = self.owner.len() as u64;
        self.owner.push(client);
        self.connection[client as usize] = Some(number);
        self.failures[client as usize] = 0;
        self.frames[client as usize] = 0;
        number
    }

    fn wait(&mut self, client: u32, now: Duration, wait: Duration) {
        let tick_after = |moment: Duration| (moment.as_nanos() / TICK.as_nanos()) as usize + 1;
        if self.count == 0 {
            self.waiting.clear();
            self.at = tick_after(now);
        }
        let tick = tick_after(now + wait);
        if self.waiting.len() <= tick - self.at {
            self.waiting.resize_with(tick - self.at + 1, Vec::new);
        }
        self.waiting[tick - self.at].push(client);
        self.count += 1;
    }

    fn due(&mut self) -> Vec<u32> {
        let due = self.waiting.pop_front().unwrap_or_default();
        self.at += 1;
        self.count -= due.len();
        due
    }

    fn next_tick(&self) -> Duration {
        TICK * self.at as u32
    }
}

impl World {
    /// A client's connection is closed, and it comes back.
    pub(crate) fn lose(&mut self, client: u32) {
        self.clients.connection[client as usize] = None;
        let wait = self.dice.within(RECONNECT);
        let nobody_waits = self.clients.count == 0;
        self.clients.wait(client, self.calendar.now, wait);
        if nobody_waits {
            self.calendar.at(self.clients.next_tick(), Event::Clients);
        }
    }

    /// Connects the clients whose time it is. One that is refused waits, the longer the more often it was.
    pub(crate) fn connect(&mut self) {
        let now = self.calendar.now;
        for client in self.clients.due() {
            if self.gateway.connects(now, &mut self.dice) {
                self.calendar.after(CONNECT, Event::Connected(client));
                continue;
            }
            let failures = &mut self.clients.failures[client as usize];
            let longest = (RETRY.0 * f64::from(1_u32 << *failures)).min(RETRY.1);
            *failures = (*failures + 1).min(16);
            let wait = self.dice.within(0.0..longest);
            self.clients.wait(client, now, wait);
        }
        if self.clients.count > 0 {
            self.calendar.at(self.clients.next_tick(), Event::Clients);
        }
    }

    /// Its rows are written; now it asks for what it missed, in the channel and in its own.
    pub(crate) fn connected(&mut self, client: u32) {
        let number = self.clients.opens(client);
        self.audience.insert(Key::new(self.dice.bits() >> 48, number));
        self.calendar.after(FRAME, Event::Frame(client, true));
        self.calendar.after(FRAME, Event::Frame(client, false));
    }

    /// A frame arrives. It is answered with one post, or two where there is something to replay.
    pub(crate) fn frame(&mut self, client: u32, of_channel: bool) {
        let now = self.calendar.now;
        let replays = of_channel && self.sent_at.is_some();
        let answered = self.gateway.asks(now, &mut self.dice)
            && (!replays || self.gateway.answers(now, &mut self.dice))
            && self.gateway.answers(now, &mut self.dice);
        if !answered {
            let wait = self.dice.within(ASK_AGAIN);
            return self.calendar.after(wait, Event::Frame(client, of_channel));
        }
        if let Some(sent_at) = self.sent_at.filter(|_| replays) {
            self.tally.told(client, now - sent_at);
        }
        let frames = &mut self.clients.frames[client as usize];
        *frames += 1;
        if *frames == 2 {
            self.tally.back.push(now.as_secs_f32());
        }
    }
}
