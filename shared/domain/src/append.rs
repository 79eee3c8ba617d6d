//! The place of the next notification in a channel's log.
//!
//! A log is dense within a *generation*: each row's seq is the previous one's and one more. A generation ends when its
//! newest row has expired, or is about to; since DynamoDB may then delete rows in any order, the next one starts higher,
//! at the present time in milliseconds. Two bounds keep writers of the old generation and starters of a new one apart:
//! they are further from one another than any function runs.
//!
//! A table that was restored from a backup lacks the rows that were written after it, and readers may have cursors
//! there. So a log whose newest row is from before the restoration starts a new generation too, above all seqs that
//! anybody has read. That holds if nobody writes between the restoration and the time when all writers know of it; the
//! script that restores a table ensures this.
//!
//! Where the newest row of the old generation is known, the new one *closes* it: a row without a notification takes the next seq, in
//! the same transaction. So a writer who saw the log a moment earlier cannot write below the new generation; a log whose rows
//! outlive those of later generations is not taken for one in use; and readers know that nothing was between the two.

use super::seq::Seq;
use super::time::{Millis, Seconds};

/// A log whose newest row lives longer than this goes on with a plain conditional write. In seconds.
pub const STEADY: i64 = 10 * 60;

/// A log whose newest row lives longer than this, but not than [`STEADY`], goes on too, in a transaction that checks the
/// generation. A log whose newest row lives shorter starts a new generation. In seconds.
pub const FADING: i64 = 5 * 60;

/// A row that lives longer than the retention by more than this was written under a longer retention. In seconds.
const SLACK: i64 = 24 * 60 * 60;

/// The time between a row's expiry for readers and the time from which DynamoDB may delete it, in seconds. While a log's newest row
/// is still stored, it proves that no row followed it.
pub const KEPT_EXPIRED: i64 = 2 * 24 * 60 * 60;

/// The newest row of a log, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Its place.
    pub seq: Seq,
    /// When it expires.
    pub expires_at: Seconds,
    /// Until when DynamoDB deletes neither it nor any row above it.
    pub kept_until: Seconds,
    /// When it was sent.
    pub sent_at: Millis,
    /// Whether it closes its generation.
    pub closes: bool,
    /// The newest seq, up to this one, whose notification may go out of sight before it expires; 0 if there is none.
    pub fleeting: Seq,
}

/// Settings that all logs of a table share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRules {
    /// The time that a notification is kept, in seconds.
    pub retention: i64,
    /// When the table was last restored from a backup, if ever.
    pub restored_at: Option<Millis>,
}

impl LogRules {
    /// Whether a row is what a restoration brought back.
    fn is_restored(self, newest: Newest) -> bool {
        self.restored_at.is_some_and(|restored_at| newest.sent_at <= restored_at)
    }

    /// Whether a row was written when notifications were kept for longer. What is written behind it must not expire before it.
    fn is_outlived_by(self, newest: Newest, now: Seconds) -> bool {
        newest.expires_at > now + self.retention + SLACK
    }

    /// Whether a log may go on behind a row, as far as that lives long enough.
    fn go_on_behind(self, newest: Newest, now: Seconds) -> bool {
        !(newest.closes || self.is_restored(newest) || self.is_outlived_by(newest, now))
    }
}

/// The channel's own row, as far as it is known. It has no place in the log and never expires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The newest generation: its number and its first seq. `None` in a channel that was never used.
    pub generation: Option<Generation>,
}

/// One run of dense seqs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// 1 for the first.
    pub number: u64,
    /// The seq that it starts at.
    pub start: Seq,
}

/// A row to write, on condition that nothing has its seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlace {
    /// Where.
    pub seq: Seq,
    /// When it expires; never before the row below it.
    pub expires_at: Seconds,
}

/// The way to write a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// On no other condition.
    Plain(LogPlace),
    /// On condition that the generation is still the one in the head.
    Checked(LogPlace),
    /// Together with a new generation, on condition that the one in the head is still the newest.
    Start(LogPlace, Generation, Before),
}

/// The link from a new generation to the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Where a row closes the old generation, on condition that nothing has that seq: a writer that saw the log a moment earlier
    /// may have been in time to go on with it, and then others go on after that.
    pub closing: Option<LogPlace>,
    /// The last notification before the start, where it is known that there was none between them.
    pub last: Option<Seq>,
}

impl Plan {
    /// The row to write.
    #[must_use]
    pub fn place(&self) -> LogPlace {
        match self {
            Self::Plain(place) | Self::Checked(place) | Self::Start(place, ..) => *place,
        }
    }
}

/// The plan for a log in use, which needs no more than its newest row. `None` where the head has to be read: the head
/// first and then, again, the newest row.
#[must_use]
pub fn plan_plain(newest: Option<Newest>, now: Seconds, rules: LogRules) -> Option<Plan> {
    let newest = newest.filter(|newest| newest.expires_at > now + STEADY && rules.go_on_behind(*newest, now))?;
    Some(Plan::Plain(after(newest, now, rules.retention)))
}

/// The plan for any log. `newest` must have been read after `head`: else a generation that started between the two reads
/// would be followed by another.
#[must_use]
pub fn plan(newest: Option<Newest>, head: Head, now: Millis, rules: LogRules) -> Plan {
    if let Some(plan) = plan_plain(newest, now.seconds(), rules) {
        return plan;
    }
    match newest {
        Some(newest) if newest.expires_at > now.seconds() + FADING && rules.go_on_behind(newest, now.seconds()) => {
            Plan::Checked(after(newest, now.seconds(), rules.retention))
        }
        _ => start(newest, head, now, rules),
    }
}

fn after(newest: Newest, now: Seconds, retention: i64) -> LogPlace {
    LogPlace { seq: newest.seq.next(), expires_at: newest.expires_at.max(now + retention) }
}

fn start(newest: Option<Newest>, head: Head, now: Millis, rules: LogRules) -> Plan {
    // In a restored table nobody can tell: all that was known of the channel may be lost.
    let never_used = newest.is_none() && head.generation.is_none() && rules.restored_at.is_none();
    let start = if never_used { Seq(1) } else { above(newest, head, now) };
    let number = head.generation.map_or(1, |generation| generation.number + 1);
    let expires_at = now.seconds() + rules.retention;
    let before = newest.map(|newest| before(newest, head, start, now, rules)).unwrap_or_default();
    Plan::Start(LogPlace { seq: start, expires_at }, Generation { number, start }, before)
}

fn before(newest: Newest, head: Head, start: Seq, now: Millis, rules: LogRules) -> Before {
    let next = newest.seq.next();
    // The row itself is written on condition that nothing has its seq.
    let closing = (!newest.closes && next != start).then_some(LogPlace { seq: next, expires_at: newest.expires_at });
    // A row of an older generation says nothing of the one that came after it.
    let is_of_the_last = head.generation.is_none_or(|generation| generation.start <= newest.seq);
    // DynamoDB deletes in any order: once it may delete, what came after this row may be gone before it.
    let is_surely_last = is_of_the_last && newest.kept_until > now.seconds();
    let is_all = is_surely_last && !newest.closes && !rules.is_restored(newest);
    Before { closing, last: is_all.then_some(newest.seq) }
}

/// The present time in milliseconds, or whatever of the log is higher (clocks differ, and tables are restored).
fn above(newest: Option<Newest>, head: Head, now: Millis) -> Seq {
    let now = Seq(now.0.unsigned_abs());
    let newest = newest.map_or(Seq::ZERO, |newest| newest.seq.next());
    let started = head.generation.map_or(Seq::ZERO, |generation| generation.start.next());
    now.max(newest).max(started)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    const NOW: Seconds = Seconds(1_800_000_000);
    const WEEK: i64 = 7 * 24 * 60 * 60;
    const RULES: LogRules = LogRules { retention: WEEK, restored_at: None };

    fn newest(seq: u64, expires_at: Seconds) -> Newest {
        let kept_until = expires_at + KEPT_EXPIRED;
        Newest { seq: Seq(seq), expires_at, kept_until, sent_at: NOW.millis(), closes: false, fleeting: Seq::ZERO }
    }

    fn head(number: u64, start: u64) -> Head {
        Head { generation: Some(Generation { number, start: Seq(start) }) }
    }

    #[test]
    fn a_channel_never_used_starts_at_one() {
        let place = LogPlace { seq: Seq(1), expires_at: NOW + WEEK };
        let generation = Generation { number: 1, start: Seq(1) };
        let start = Plan::Start(place, generation, Before::default());
        assert_eq!(plan(None, Head::default(), NOW.millis(), RULES), start);
    }

    #[test]
    fn a_log_in_use_goes_on_by_one_and_never_expires_earlier_than_the_row_below() {
        let newest = newest(41, NOW + WEEK + 60);
        let place = LogPlace { seq: Seq(42), expires_at: NOW + WEEK + 60 };
        assert_eq!(plan_plain(Some(newest), NOW, RULES), Some(Plan::Plain(place)));
    }

    #[test]
    fn a_fading_log_goes_on_and_checks_its_generation() {
        let newest = newest(41, NOW + STEADY);
        assert_eq!(plan_plain(Some(newest), NOW, RULES), None);
        let place = LogPlace { seq: Seq(42), expires_at: NOW + WEEK };
        assert_eq!(plan(Some(newest), head(1, 1), NOW.millis(), RULES), Plan::Checked(place));
    }

    #[test]
    fn an_expired_log_starts_again_at_the_present_millisecond_or_above_what_is_there() {
        let seq = |newest, head| plan(newest, head, NOW.millis().plus(7), RULES).place().seq;
        let expiring = newest(41, NOW + FADING);
        assert_eq!(seq(Some(expiring), head(1, 1)), Seq(1_800_000_000_007));
        assert_eq!(seq(None, head(1, 1)), Seq(1_800_000_000_007));
        assert_eq!(seq(None, head(2, 1_800_000_000_009)), Seq(1_800_000_000_010));
        let ahead = newest(1_900_000_000_000, NOW);
        assert_eq!(seq(Some(ahead), head(2, 1)), Seq(1_900_000_000_001));
    }

    #[test]
    fn a_restored_log_starts_again_above_what_readers_may_have_seen() {
        let rules = LogRules { restored_at: Some(NOW.millis()), ..RULES };
        let at = |newest, head| plan(newest, head, NOW.millis().plus(7), rules);
        let restored = Newest { sent_at: NOW.millis(), ..newest(41, NOW + WEEK) };
        let started = Generation { number: 2, start: Seq(1_800_000_000_007) };
        let place = LogPlace { seq: started.start, expires_at: NOW + WEEK };
        let closing = Some(LogPlace { seq: Seq(42), expires_at: NOW + WEEK });
        let before = Before { closing, last: None };
        assert_eq!(at(Some(restored), head(1, 1)), Plan::Start(place, started, before), "what came after 41 is lost");
        let unknown = Plan::Start(place, Generation { number: 1, ..started }, Before::default());
        assert_eq!(at(None, Head::default()), unknown, "it may have been used, and that be lost");
        let since = Newest { sent_at: NOW.millis().plus(1), ..newest(1_800_000_000_007, NOW + WEEK) };
        assert_eq!(at(Some(since), head(2, started.start.0)).place().seq, Seq(1_800_000_000_008));
    }

    #[test]
    fn a_start_closes_the_generation_before_and_tells_where_it_ended() {
        let before = |newest, head| match plan(Some(newest), head, NOW.millis(), RULES) {
            Plan::Start(_, _, before) => before,
            other => panic!("{other:?}"),
        };
        let expired = newest(41, NOW);
        let closing = Some(LogPlace { seq: Seq(42), expires_at: NOW });
        assert_eq!(before(expired, head(1, 1)), Before { closing, last: Some(Seq(41)) });
        assert_eq!(before(Newest { closes: true, ..expired }, head(1, 1)), Before::default());
        let long_expired = newest(41, NOW - KEPT_EXPIRED);
        let closing = Some(LogPlace { seq: Seq(42), expires_at: NOW - KEPT_EXPIRED });
        assert_eq!(before(long_expired, head(1, 1)), Before { closing, last: None }, "42 may be deleted already");
        let closing = Some(LogPlace { seq: Seq(42), expires_at: NOW });
        let of_an_older_one = before(expired, head(2, 1_700_000_000_000));
        assert_eq!(of_an_older_one, Before { closing, last: None }, "what came after the start has expired");
    }

    #[test]
    fn a_log_of_a_longer_retention_is_closed_and_stays_so() {
        let year = Newest { expires_at: NOW + 52 * WEEK, ..newest(41, NOW) };
        assert_eq!(plan_plain(Some(year), NOW, RULES), None);
        let Plan::Start(place, _, Before { closing, .. }) = plan(Some(year), head(1, 1), NOW.millis(), RULES) else {
            panic!("it goes on")
        };
        assert_eq!(place.expires_at, NOW + WEEK, "what is written now is kept as long as is said now");
        assert_eq!(closing, Some(LogPlace { seq: Seq(42), expires_at: NOW + 52 * WEEK }));
        let closed = Newest { seq: Seq(42), closes: true, ..year };
        let longer = LogRules { retention: 52 * WEEK, ..RULES };
        assert_eq!(plan_plain(Some(closed), NOW, longer), None, "also when they are kept for longer again");
    }

    /// Shorter than a step of the model's time may be, so that deletions come into play.
    const KEPT_IN_MODEL: i64 = 300;

    /// A table with one channel, and writers that may stand still between their reads and before their write, as long
    /// as a function may run.
    #[derive(Default)]
    struct Model {
        rows: BTreeMap<u64, Row>,
        head: Head,
        starts: Vec<u64>,
        /// All that were ever written, but for those that a restoration has lost.
        written: BTreeSet<u64>,
        read_up_to: u64,
        restored_at: Option<Millis>,
    }

    #[derive(Clone, Copy)]
    struct Row {
        expires_at: Seconds,
        sent_at: Millis,
        /// The channel's own row as of then, for a backup has both.
        head: Head,
        closes: bool,
    }

    #[derive(Clone, Copy, Debug)]
    enum Writer {
        ReadHead { head: Head, since: Seconds },
        Planned { plan: Plan, head: Head, since: Seconds },
    }

    impl Writer {
        fn since(&self) -> Seconds {
            match self {
                Self::ReadHead { since, .. } | Self::Planned { since, .. } => *since,
            }
        }
    }

    impl Model {
        fn newest(&self) -> Option<Newest> {
            let (&seq, row) = self.rows.last_key_value()?;
            let Row { expires_at, sent_at, closes, .. } = *row;
            let kept_until = expires_at + KEPT_IN_MODEL;
            Some(Newest { seq: Seq(seq), expires_at, kept_until, sent_at, closes, fleeting: Seq::ZERO })
        }

        /// One step of a writer: it reads the head, then the newest row, then it writes.
        fn step(&mut self, writer: Option<Writer>, now: Seconds, retention: i64) -> Option<Writer> {
            match writer {
                None => Some(Writer::ReadHead { head: self.head, since: now }),
                Some(Writer::ReadHead { head, since }) => {
                    let rules = LogRules { retention, restored_at: self.restored_at };
                    Some(Writer::Planned { plan: plan(self.newest(), head, now.millis(), rules), head, since })
                }
                Some(Writer::Planned { plan, head, since }) => {
                    self.write(plan, head, since.millis());
                    None
                }
            }
        }

        /// The conditional write; `false` is a lost race.
        fn write(&mut self, plan: Plan, head: Head, sent_at: Millis) -> bool {
            let place = plan.place();
            let checks_head = !matches!(plan, Plan::Plain(_));
            let taken = |seq: Seq| self.rows.contains_key(&seq.0);
            let closing = if let Plan::Start(_, _, before) = plan { before.closing } else { None };
            let went_on = closing.is_some_and(|closing| taken(closing.seq));
            if taken(place.seq) || (checks_head && self.head != head) || went_on {
                return false;
            }
            if let Some(LogPlace { seq, expires_at }) = closing {
                self.rows.insert(seq.0, Row { expires_at, sent_at, head: self.head, closes: true });
            }
            assert!(place.seq.0 > self.read_up_to, "a row below one that could be read: {place:?}");
            if let Some((_, below)) = self.rows.range(..place.seq.0).next_back() {
                let in_one_generation = !matches!(plan, Plan::Start(..));
                assert!(!in_one_generation || place.expires_at >= below.expires_at, "expiry decreases at {place:?}");
            }
            if let Plan::Start(_, generation, before) = plan {
                self.head = Head { generation: Some(generation) };
                self.starts.push(place.seq.0);
                if let Some(last) = before.last {
                    assert_eq!(self.written.last(), Some(&last.0), "there was another before {place:?}");
                }
                self.written.clear();
            }
            self.written.insert(place.seq.0);
            let expires_at = place.expires_at;
            self.rows.insert(place.seq.0, Row { expires_at, sent_at, head: self.head, closes: false });
            self.read_up_to = place.seq.0;
            true
        }

        /// Deletes rows that expired a while ago, in any order, as DynamoDB's TTL does.
        fn expire(&mut self, now: Seconds, keep: impl Fn(u64) -> bool) {
            self.rows.retain(|&seq, row| row.expires_at + KEPT_IN_MODEL > now || keep(seq));
        }

        /// A backup comes back, without the newest rows. Nobody writes meanwhile; readers keep what they know.
        fn restore(&mut self, now: Seconds, lost: usize) {
            for _ in 0..lost {
                self.rows.pop_last();
            }
            // What readers know of is more than what the log has.
            self.written.insert(u64::MAX);
            self.head = self.rows.last_key_value().map(|(_, row)| row.head).unwrap_or_default();
            self.restored_at = Some(now.millis());
        }
    }

    /// A writer that saw the log just before it began to fade for good is in time to go on with it. A writer that saw
    /// it just after must not start a generation over it, since others go on after the first with plain writes.
    #[test]
    fn a_generation_does_not_start_over_a_log_that_was_in_time_to_go_on() {
        let sent_at = (NOW - WEEK).millis();
        let mut model = Model { head: head(1, 1), ..Model::default() };
        model.rows.insert(41, Row { expires_at: NOW, sent_at, head: model.head, closes: false });
        let late = plan(model.newest(), model.head, (NOW - FADING).millis(), RULES);
        let in_time = plan(model.newest(), model.head, (NOW - FADING - 1).millis(), RULES);
        assert!(model.write(in_time, model.head, NOW.millis()), "42");
        let next = plan(model.newest(), model.head, NOW.millis(), RULES);
        assert!(!model.write(late, model.head, NOW.millis()), "a start over 42");
        assert!(model.write(next, model.head, NOW.millis()), "43");
        assert_eq!(model.rows.into_keys().collect::<Vec<_>>(), [41, 42, 43]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn however_writers_are_delayed_no_row_is_written_below_a_readable_one_and_generations_are_dense(
            steps in prop::collection::vec((0usize..4, prop_oneof![8 => 0i64..3, 1 => 0i64..700], any::<u64>()), 1..120),
            retention in 900i64..1000,
            restored in prop::option::of((0usize..120, 0usize..9)),
            // From the one step to the other notifications are kept for as long as above, before and after that for days longer.
            lowered in prop::option::of((0usize..120, 0usize..120)),
        ) {
            let (mut model, mut now) = (Model::default(), NOW);
            let mut writers: Vec<Option<Writer>> = vec![None; 4];
            for (step, (i, passes, keep)) in steps.into_iter().enumerate() {
                now = now + passes;
                if let Some((_, lost)) = restored.filter(|(at, _)| *at == step) {
                    writers.fill(None);
                    model.restore(now, lost);
                    now = now + 1;
                }
                model.expire(now, |seq| seq.wrapping_mul(keep | 1) % 3 == 0);
                // No function runs longer than this: what it read is forgotten, not written.
                let writer = writers[i].take().filter(|writer| now - writer.since() <= 30);
                // Some writers learn of another retention later than others.
                let is_low = lowered.is_none_or(|(from, to)| (from..to).contains(&(step + 5 * i)));
                writers[i] = model.step(writer, now, if is_low { retention } else { retention + 2 * SLACK });
            }
            let live: Vec<u64> = model.rows.iter().filter(|(_, row)| row.expires_at > now).map(|(s, _)| *s).collect();
            for pair in live.windows(2) {
                let starts = model.starts.iter().any(|start| (pair[0] + 1..=pair[1]).contains(start));
                prop_assert!(pair[1] == pair[0] + 1 || starts, "hole in {pair:?}");
            }
        }
    }
}
