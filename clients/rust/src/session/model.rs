//! A server, a network and an application, all made up, around a real session. Whatever they do, the application sees
//! each notification exactly once and in order, and is complete in the end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const CHANNEL: &str = "user:alice";
/// Small, so that `more` is common.
const PAGE: usize = 3;

/// The fate of a live push.
#[derive(Clone, Copy, Debug)]
enum Push {
    Arrives,
    Doubles,
    IsLost,
    IsLate,
}

/// The fate of a `subscribe`.
#[derive(Clone, Copy, Debug)]
enum Serve {
    Well,
    GatewayError,
    Busy,
    Silence,
}

/// The next event of the model.
#[derive(Clone, Debug)]
enum Happening {
    Publish(Vec<Push>),
    /// The newest but one is not visible yet.
    PublishLeavingAHole(Push),
    FillHole(Push),
    /// So many of the oldest go.
    Expire(usize),
    /// One in the middle is no longer returned (`ttl`, `collapse_key`).
    Hide(usize),
    /// All expired, and the log goes on at a higher number.
    NewGeneration(Push),
    Serve(Serve),
    /// Frames of the answers that are being sent go onto the wire; which answer's first is chosen by the number.
    Answer(usize),
    /// Frames on the wire reach the client.
    Arrive(usize),
    /// A frame reaches the client that it cannot read.
    ArriveGarbled,
    /// A late push goes onto the wire.
    Late(usize),
    Wait(u64),
    Disconnect,
    Connects(bool),
}

fn push() -> impl Strategy<Value = Push> {
    prop_oneof![4 => Just(Push::Arrives), 1 => Just(Push::Doubles), 1 => Just(Push::IsLost), 1 => Just(Push::IsLate)]
}

fn serve() -> impl Strategy<Value = Serve> {
    prop_oneof![
        6 => Just(Serve::Well), 1 => Just(Serve::GatewayError), 1 => Just(Serve::Busy), 1 => Just(Serve::Silence),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        6 => prop::collection::vec(push(), 1..5).prop_map(Publish),
        1 => push().prop_map(PublishLeavingAHole),
        1 => push().prop_map(FillHole),
        1 => (1..6_usize).prop_map(Expire),
        1 => (0..20_usize).prop_map(Hide),
        1 => push().prop_map(NewGeneration),
        8 => serve().prop_map(Serve),
        8 => (0..4_usize).prop_map(Answer),
        10 => (1..6_usize).prop_map(Arrive),
        1 => Just(ArriveGarbled),
        2 => (0..8_usize).prop_map(Late),
        8 => prop_oneof![Just(10_u64), Just(400), Just(3_500), Just(16_000)].prop_map(Wait),
        1 => Just(Disconnect),
        3 => prop::bool::weighted(0.8).prop_map(Connects),
    ]
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    hidden: bool,
    /// Not written yet, though the next one is.
    hole: bool,
}

/// The log, as the contract lets readers see it.
#[derive(Default)]
struct Log {
    rows: BTreeMap<u64, Row>,
    newest: u64,
    /// Every seq that readers had a right to until it expired.
    expired: BTreeSet<u64>,
}

struct Page {
    items: Vec<u64>,
    seq: u64,
    recovered: bool,
    more: bool,
}

impl Log {
    fn append(&mut self, row: Row) -> u64 {
        self.newest += 1;
        self.rows.insert(self.newest, row);
        self.newest
    }

    fn start_generation(&mut self) -> u64 {
        self.expire(usize::MAX);
        self.newest += 1_000;
        self.append(Row::default())
    }

    fn expire(&mut self, count: usize) {
        for _ in 0..count {
            // Nothing expires before it is written.
            let Some(first) = self.rows.first_entry().filter(|first| !first.get().hole) else { return };
            let (seq, row) = first.remove_entry();
            if !row.hidden {
                self.expired.insert(seq);
            }
        }
    }

    fn hide(&mut self, nth: usize) {
        if let Some(row) = self.rows.values_mut().filter(|row| !row.hole).nth(nth) {
            row.hidden = true;
        }
    }

    fn hole(&self) -> Option<u64> {
        self.rows.iter().find(|(_, row)| row.hole).map(|(seq, _)| *seq)
    }

    fn fill(&mut self, seq: u64) {
        self.rows.insert(seq, Row::default());
    }

    fn read(&self, after: Option<u64>) -> Page {
        let readable = self.hole().unwrap_or(u64::MAX);
        let Some(after) = after else { return self.newest_page(readable) };
        let mut page = Page { items: Vec::new(), seq: after, recovered: true, more: false };
        for (seq, row) in self.rows.range(after + 1..).take_while(|(seq, _)| **seq < readable) {
            if !row.hidden && page.items.len() == PAGE {
                page.more = true;
                return page;
            }
            // A hole in front of a first row, or of a generation's first, is what expired.
            page.recovered &= *seq == page.seq + 1;
            page.seq = *seq;
            if !row.hidden {
                page.items.push(*seq);
            }
        }
        if self.rows.is_empty() && self.newest > page.seq {
            page.recovered = false;
            page.seq = self.newest;
        }
        page
    }

    fn newest_page(&self, readable: u64) -> Page {
        let visible = self.rows.range(..readable).filter(|(_, row)| !row.hidden);
        let mut items: Vec<u64> = visible.map(|(seq, _)| *seq).rev().take(PAGE).collect();
        items.reverse();
        let seq = self.rows.range(..readable).next_back().map(|(seq, _)| *seq);
        let seq = seq.unwrap_or(if readable == u64::MAX { self.newest } else { readable - 1 });
        Page { items, seq, recovered: true, more: false }
    }
}

/// The server's and the network's half of a connection.
struct Wire {
    id: ConnectionId,
    /// The client's frames.
    questions: VecDeque<ClientFrame>,
    /// Answers that are being sent, each in order.
    answers: Vec<VecDeque<Value>>,
    /// The frames on their way to the client, in order.
    frames: VecDeque<Value>,
    late: Vec<u64>,
}

struct World {
    session: Session,
    now: Instant,
    log: Log,
    wire: Option<Wire>,
    connecting: Option<ConnectionId>,
    /// The seqs that the application saw, each with whether a gap was reported right before it.
    seen: Vec<(u64, bool)>,
    gap_told: bool,
    /// The cursor that the application began with, else the first answer's.
    start: Option<u64>,
    cursor: Option<u64>,
}

impl World {
    fn new(seed: u64, cursor: Option<u64>) -> Self {
        let now = Instant::now();
        let start = Cursor { channel: CHANNEL.parse().unwrap(), seq: cursor };
        // So often that two connections overlap many times.
        let replace = Duration::from_secs(20)..=Duration::from_secs(60);
        let session = Session::new(Timing { replace, ..Timing::default() }, seed, now, vec![start]);
        let (log, seen) = (Log::default(), Vec::new());
        Self { session, now, log, wire: None, connecting: None, seen, gap_told: false, start: cursor, cursor }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Publish(pushes) => pushes.into_iter().for_each(|push| {
                let seq = self.log.append(Row::default());
                self.push(seq, push);
            }),
            Happening::PublishLeavingAHole(push) => {
                if self.log.hole().is_none() {
                    self.log.append(Row { hole: true, hidden: false });
                    let seq = self.log.append(Row::default());
                    self.push(seq, push);
                }
            }
            Happening::FillHole(push) => {
                if let Some(seq) = self.log.hole() {
                    self.log.fill(seq);
                    self.push(seq, push);
                }
            }
            Happening::Expire(count) => self.log.expire(count),
            Happening::Hide(nth) => self.log.hide(nth),
            Happening::NewGeneration(push) => {
                if self.log.hole().is_none() {
                    let seq = self.log.start_generation();
                    self.push(seq, push);
                }
            }
            Happening::Serve(how) => self.serve(how),
            Happening::Answer(which) => self.answer(which),
            Happening::Arrive(count) => (0..count).for_each(|_| self.arrive()),
            Happening::ArriveGarbled => self.arrive_garbled(),
            Happening::Late(which) => self.late(which),
            Happening::Wait(milliseconds) => self.wait(Duration::from_millis(milliseconds)),
            Happening::Disconnect => self.disconnect(),
            Happening::Connects(well) => self.connects(well),
        }
    }

    fn push(&mut self, seq: u64, how: Push) {
        let Some(wire) = &mut self.wire else { return };
        match how {
            Push::Arrives => wire.frames.push_back(notifications(&[seq])),
            Push::Doubles => wire.frames.extend([notifications(&[seq, seq]), notifications(&[seq])]),
            Push::IsLost => {}
            Push::IsLate => wire.late.push(seq),
        }
    }

    fn serve(&mut self, how: Serve) {
        let Some(wire) = &mut self.wire else { return };
        let Some(question) = wire.questions.pop_front() else { return };
        let ClientFrame::Subscribe { after, reference, .. } = question else {
            wire.frames.push_back(json!({"type": "pong"}));
            return;
        };
        match how {
            Serve::Well => wire.answers.push(answer(&self.log.read(after), reference)),
            Serve::GatewayError => wire.frames.push_back(json!({"message": "Internal server error"})),
            Serve::Busy => {
                wire.frames.push_back(json!({"type": "error", "code": "channel_busy", "detail": "", "ref": reference}));
            }
            Serve::Silence => {}
        }
    }

    fn answer(&mut self, which: usize) {
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.answers.is_empty()) else { return };
        let which = which % wire.answers.len();
        wire.frames.extend(wire.answers[which].pop_front());
        wire.answers.retain(|answer| !answer.is_empty());
    }

    fn arrive(&mut self) {
        let Some(wire) = &mut self.wire else { return };
        let Some(frame) = wire.frames.pop_front() else { return };
        let (id, frame) = (wire.id, ServerFrame::parse(&frame.to_string()).unwrap());
        let answer = if let ServerFrame::Subscribed(answer) = &frame { Some(answer.seq) } else { None };
        let effects = self.session.received(self.now, id, frame);
        self.perform(effects);
        // A cursor comes with the first answer that is taken.
        self.start = self.start.or(answer.filter(|_| self.cursor.is_some()));
    }

    fn arrive_garbled(&mut self) {
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.frames.is_empty()) else { return };
        wire.frames.pop_front();
        let effects = self.session.unreadable(self.now, wire.id);
        self.perform(effects);
    }

    fn late(&mut self, which: usize) {
        let Some(wire) = self.wire.as_mut().filter(|wire| !wire.late.is_empty()) else { return };
        let seq = wire.late.swap_remove(which % wire.late.len());
        wire.frames.push_back(notifications(&[seq]));
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.session.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            let effects = self.session.fired(self.now);
            self.perform(effects);
        }
        self.now = end;
    }

    fn disconnect(&mut self) {
        if let Some(wire) = self.wire.take() {
            let effects = self.session.closed(self.now, wire.id, "cut".to_owned());
            self.perform(effects);
        }
    }

    fn connects(&mut self, well: bool) {
        let Some(id) = self.connecting.take() else { return };
        let effects = if well {
            // The two connections overlap: what the old one brought may be pushed to the new one too.
            let late: Vec<u64> =
                self.log.rows.iter().filter(|row| !row.1.hole).map(|row| *row.0).rev().take(3).collect();
            let frames = VecDeque::from_iter(late.first().map(|seq| notifications(&[*seq])));
            let (questions, answers) = Default::default();
            let old = self.wire.replace(Wire { id, questions, answers, frames, late });
            let mut effects = self.session.opened(self.now, id, Vec::new(), None);
            // What the old connection still brings must change nothing.
            for frame in old.iter().flat_map(|old| &old.frames) {
                let frame = ServerFrame::parse(&frame.to_string()).unwrap();
                effects.extend(self.session.received(self.now, old.as_ref().unwrap().id, frame));
            }
            effects
        } else {
            self.session.failed(self.now, id, "unreachable".to_owned())
        };
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Connect(id) => self.connecting = Some(id),
                Effect::Send(id, frame) => match &mut self.wire {
                    Some(wire) if wire.id == id => wire.questions.push_back(frame),
                    _ => panic!("{frame:?} is sent on {id:?}, which is not open"),
                },
                Effect::Close(id) => {
                    self.wire.take_if(|wire| wire.id == id);
                }
                Effect::Tell(event) => self.see(event),
                Effect::Moved(cursor) => self.cursor = cursor.seq,
                Effect::End { .. } => panic!("no token is refused here"),
            }
        }
    }

    fn see(&mut self, event: Event) {
        match event {
            Event::Notification { item, .. } => {
                self.seen.push((item.seq.unwrap(), std::mem::take(&mut self.gap_told)));
            }
            Event::Gap { .. } => self.gap_told = true,
            Event::Connected | Event::Disconnected { .. } => {}
            Event::Reset { .. } | Event::Refused { .. } => panic!("{event:?}"),
        }
    }

    /// From here on all goes well.
    fn settle(&mut self) {
        if let Some(seq) = self.log.hole() {
            self.log.fill(seq);
        }
        for round in 0..40 {
            self.connects(true);
            if round == 25 {
                // Until something follows, nobody can know that the last push was lost.
                let seq = self.log.append(Row::default());
                self.push(seq, Push::Arrives);
            }
            for _ in 0..30 {
                self.serve(Serve::Well);
                self.answer(0);
                self.arrive();
                self.late(0);
            }
            self.wait(Duration::from_secs(5));
        }
    }

    fn check_order(&self) -> Result<(), TestCaseError> {
        for pair in self.seen.windows(2) {
            let [(before, _), (seq, gap_told)] = [pair[0], pair[1]];
            prop_assert!(before < seq, "{before} came before {seq}: {:?}", self.seen);
            self.check_skipped(before, seq, gap_told)?;
        }
        Ok(())
    }

    /// A skipped notification is hidden, or has expired and was reported as a gap.
    fn check_skipped(&self, before: u64, seq: u64, gap_told: bool) -> Result<(), TestCaseError> {
        for skipped in self.log.rows.range(before + 1..seq) {
            prop_assert!(skipped.1.hidden, "{} was skipped: {:?}", skipped.0, self.seen);
        }
        let expired = self.log.expired.range(before + 1..seq).next();
        prop_assert!(gap_told || expired.is_none(), "nobody told that {expired:?} expired: {:?}", self.seen);
        Ok(())
    }

    fn check_complete(&self) -> Result<(), TestCaseError> {
        if let (Some(start), Some((first, gap_told))) = (self.start, self.seen.first())
            && start < *first
        {
            self.check_skipped(start, *first, *gap_told)?;
        }
        let last = self.seen.last().map(|(seq, _)| *seq);
        prop_assert_eq!(last, Some(self.log.newest), "the end is missing");
        prop_assert_eq!(self.cursor, Some(self.log.newest));
        Ok(())
    }
}

fn notifications(seqs: &[u64]) -> Value {
    let items: Vec<Value> = seqs.iter().map(|seq| json!({"seq": seq, "id": "", "sent_at": ""})).collect();
    json!({"type": "notifications", "channel": CHANNEL, "items": items})
}

/// The page in frames of at most two items, and the answer behind them.
fn answer(page: &Page, reference: u64) -> VecDeque<Value> {
    let Page { items, seq, recovered, more } = page;
    let end = json!({"type": "subscribed", "channel": CHANNEL, "seq": seq, "recovered": recovered, "more": more,
        "ref": reference});
    let replayed = |seqs: &[u64]| {
        let mut frame = notifications(seqs);
        frame["replay"] = json!(reference);
        frame
    };
    items.chunks(2).map(replayed).chain([end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn each_notification_is_seen_exactly_once_and_in_order(
        seed in any::<u64>(),
        before in 0..8_u64,
        knows_the_start in any::<bool>(),
        happenings in prop::collection::vec(happening(), 0..120),
    ) {
        let start = knows_the_start.then_some(0);
        let mut world = World::new(seed, start);
        (0..before).for_each(|_| { world.log.append(Row::default()); });
        for happening in happenings {
            world.happen(happening);
            world.check_order()?;
        }
        world.settle();
        world.check_order()?;
        world.check_complete()?;
    }
}
