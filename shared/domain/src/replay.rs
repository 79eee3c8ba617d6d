//! The notifications that a reader gets for a cursor.
//!
//! Within a generation the log is dense, so a missing seq has one of three reasons:
//! - its row has expired;
//! - a generation starts behind it. The first row of a generation says so, and where the one before ended, if that was known;
//! - the query passed the place before its row was written, and met the row above it afterwards.
//!
//! A reader never steps over the third: an answer ends before it, and the next read finds it filled.

use std::collections::HashSet;

use super::append::{Head, Newest};
use super::content::CollapseKey;
use super::frame::Position;
use super::seq::Seq;
use super::time::Seconds;

/// The part of a row that a decision needs.
pub trait Row {
    /// Its place.
    fn seq(&self) -> Seq;
    /// When it expires; from then on it counts as deleted.
    fn expires_at(&self) -> Seconds;
    /// Until when DynamoDB deletes neither it nor any row above it.
    fn kept_until(&self) -> Seconds;
    /// From when readers no longer see it; it stays in the log.
    fn hides_at(&self) -> Option<Seconds>;
    /// Whether a generation starts with it.
    fn starts_generation(&self) -> bool;
    /// The last notification before that start, where it is known that there was none between them.
    fn follows(&self) -> Option<Seq>;
    /// Whether it closes a generation, and is no notification.
    fn closes_generation(&self) -> bool;
    /// Its collapse key.
    fn collapse_key(&self) -> Option<&CollapseKey>;
}

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayPage<R> {
    /// The items that the reader gets, in order.
    pub items: Vec<R>,
    /// Where the reader stands afterwards.
    pub position: Position,
}

/// The result of reading behind a cursor.
#[derive(Clone, Debug, PartialEq)]
pub enum Behind<R> {
    /// An answer.
    Page(ReplayPage<R>),
    /// Nothing at or behind the cursor: the rest of the log has to be looked at, see [`nothing_behind`].
    Nothing,
    /// The answer would begin behind a hole that nothing explains. Read again: a row that was being written is there
    /// now, and what is still missing has expired.
    Doubtful,
}

/// The way the rows were read.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The cursor asked with.
    pub after: Seq,
    /// The present time.
    pub now: Seconds,
    /// Whether there may be more rows than were read.
    pub has_more: bool,
    /// Whether this is the second reading, after a [`Behind::Doubtful`].
    pub again: bool,
}

/// Answers a reader from the rows at and behind its cursor, in order.
#[must_use]
pub fn behind<R: Row>(rows: Vec<R>, reading: Reading) -> Behind<R> {
    if rows.is_empty() {
        return Behind::Nothing;
    }
    let ends_surely = reading.has_more || rows.last().is_some_and(|last| ends_surely(last, reading.now));
    let mut position = Position { seq: reading.after, recovered: ends_surely, more: reading.has_more, reset: false };
    let mut items = Vec::new();
    for row in rows.into_iter().filter(|row| row.seq() > reading.after) {
        let is_lost = row.expires_at() <= reading.now && !row.closes_generation();
        if is_lost {
            position.recovered = false;
        } else if !comes_next(&row, position.seq) {
            let explained = row.starts_generation() || (items.is_empty() && reading.again);
            match explained {
                true => position.recovered = false,
                false if items.is_empty() => return Behind::Doubtful,
                false => {
                    position.more = true;
                    break;
                }
            }
        }
        position.seq = row.seq();
        if !is_lost && !row.closes_generation() {
            items.push(row);
        }
    }
    Behind::Page(ReplayPage { items: visible(items, reading.now), position })
}

/// Whether no later row can have been written and already deleted. A row that closes a generation was written together with the start
/// of the next.
fn ends_surely(last: &impl Row, now: Seconds) -> bool {
    last.kept_until() > now && !last.closes_generation()
}

/// Whether no notification can be missing between a reader and a row.
fn comes_next(row: &impl Row, reader: Seq) -> bool {
    row.seq() == reader.next() || row.follows().is_some_and(|last| last <= reader)
}

/// Answers a reader whose cursor has nothing at or behind it: `newest` is the newest row of the whole log.
#[must_use]
pub fn nothing_behind(after: Seq, newest: Option<Newest>, head: Head, now: Seconds) -> Position {
    let stay = |recovered| Position { seq: after, recovered, more: false, reset: false };
    let reset = |seq| Position { seq, recovered: false, more: false, reset: true };
    match newest {
        // It is of a generation before the last one, all of which has expired.
        Some(newest) if head.generation.is_some_and(|generation| generation.start > newest.seq) => stay(false),
        // A row below the cursor that still lives: had the cursor's own row ever been in this log, it would live too.
        Some(newest) if newest.expires_at > now => reset(newest.seq),
        // All that there was has expired, and nobody can tell how much that was.
        Some(_) => stay(false),
        None if head.generation.is_some() => stay(false),
        None if after == Seq::ZERO => stay(true),
        None => reset(Seq::ZERO),
    }
}

/// Answers a reader without a cursor from the newest rows, newest first.
#[must_use]
pub fn newest<R: Row>(mut rows: Vec<R>, now: Seconds) -> ReplayPage<R> {
    let seq = rows.first().map_or(Seq::ZERO, Row::seq);
    rows.retain(|row| row.expires_at() > now && !row.closes_generation());
    rows.reverse();
    let position = Position { seq, recovered: true, more: false, reset: false };
    ReplayPage { items: visible(rows, now), position }
}

fn visible<R: Row>(mut rows: Vec<R>, now: Seconds) -> Vec<R> {
    let mut sight = Sight::new(now);
    rows.reverse();
    rows.retain(|row| sight.shows(row.collapse_key(), row.hides_at()));
    rows.reverse();
    rows
}

/// The view that readers have of a log whose rows are gone through from the newest down: no notification that has
/// outlived its `ttl`, and of each collapse key the newest alone. One that a newer one has superseded stays so when
/// that has outlived its `ttl`.
#[derive(Debug)]
pub struct Sight {
    now: Seconds,
    keys: HashSet<CollapseKey>,
}

impl Sight {
    /// As it is now.
    #[must_use]
    pub fn new(now: Seconds) -> Self {
        Self { now, keys: HashSet::new() }
    }

    /// Whether the next older row is to be seen, by its collapse key and the end of its `ttl`.
    pub fn shows(&mut self, key: Option<&CollapseKey>, hides_at: Option<Seconds>) -> bool {
        let is_newest = key.is_none_or(|key| self.keys.insert(key.clone()));
        is_newest && hides_at.is_none_or(|hides_at| hides_at > self.now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::append::Generation;
    use super::super::time::Millis;
    use super::*;

    const NOW: Seconds = Seconds(1000);

    #[derive(Clone, Debug, PartialEq)]
    struct Stored {
        seq: u64,
        expires_at: Seconds,
        hides_at: Option<Seconds>,
        starts: bool,
        follows: Option<u64>,
        closes: bool,
        key: Option<CollapseKey>,
    }

    impl Row for Stored {
        fn seq(&self) -> Seq {
            Seq(self.seq)
        }
        fn expires_at(&self) -> Seconds {
            self.expires_at
        }
        fn kept_until(&self) -> Seconds {
            self.expires_at + 50
        }
        fn hides_at(&self) -> Option<Seconds> {
            self.hides_at
        }
        fn starts_generation(&self) -> bool {
            self.starts
        }
        fn follows(&self) -> Option<Seq> {
            self.follows.map(Seq)
        }
        fn closes_generation(&self) -> bool {
            self.closes
        }
        fn collapse_key(&self) -> Option<&CollapseKey> {
            self.key.as_ref()
        }
    }

    fn live(seq: u64) -> Stored {
        let starts = seq == 1;
        Stored { seq, expires_at: NOW + 100, hides_at: None, starts, follows: None, closes: false, key: None }
    }

    /// The row that closes a generation whose last notification has the seq before.
    fn closing(seq: u64) -> Stored {
        Stored { expires_at: NOW, closes: true, ..live(seq) }
    }

    fn expired(seq: u64) -> Stored {
        Stored { expires_at: NOW, ..live(seq) }
    }

    fn keyed(seq: u64, key: &str) -> Stored {
        Stored { key: Some(CollapseKey::try_from(key.to_owned()).unwrap()), ..live(seq) }
    }

    fn read(rows: Vec<Stored>, after: u64, again: bool) -> Behind<Stored> {
        behind(rows, Reading { after: Seq(after), now: NOW, has_more: false, again })
    }

    fn page(rows: Vec<Stored>, after: u64) -> (Vec<u64>, Position) {
        match read(rows, after, true) {
            Behind::Page(page) => (page.items.iter().map(|row| row.seq).collect(), page.position),
            other => panic!("{other:?}"),
        }
    }

    fn newest_of(seq: u64, expires_at: Seconds) -> Option<Newest> {
        let (kept_until, sent_at) = (expires_at + 50, Millis(0));
        Some(Newest { seq: Seq(seq), expires_at, kept_until, sent_at, closes: false, fleeting: Seq::ZERO })
    }

    fn position(seq: u64, recovered: bool, more: bool) -> Position {
        Position { seq: Seq(seq), recovered, more, reset: false }
    }

    #[test]
    fn what_follows_the_cursor_without_a_hole_is_recovered() {
        assert_eq!(page(vec![live(41), live(42), live(43)], 41), (vec![42, 43], position(43, true, false)));
        assert_eq!(page(vec![live(41)], 41), (vec![], position(41, true, false)));
        assert_eq!(page(vec![live(1), live(2)], 0), (vec![1, 2], position(2, true, false)));
    }

    #[test]
    fn expired_rows_are_skipped_and_reported() {
        assert_eq!(page(vec![expired(41), expired(42), live(43)], 41), (vec![43], position(43, false, false)));
        assert_eq!(page(vec![expired(40), expired(41)], 40), (vec![], position(41, false, false)));
        assert_eq!(page(vec![expired(41), live(42)], 41), (vec![42], position(42, true, false)));
    }

    #[test]
    fn a_hole_at_the_start_is_looked_at_twice_before_it_counts_as_expired() {
        let rows = vec![live(44), live(45)];
        assert_eq!(read(rows.clone(), 41, false), Behind::Doubtful);
        assert_eq!(page(rows, 41), (vec![44, 45], position(45, false, false)));
    }

    #[test]
    fn an_answer_ends_before_a_hole_in_the_middle() {
        assert_eq!(page(vec![live(41), live(42), live(44)], 41), (vec![42], position(42, true, true)));
    }

    #[test]
    fn a_new_generation_is_stepped_into_and_reported() {
        let start = Stored { starts: true, ..live(900) };
        assert_eq!(page(vec![live(41), start.clone()], 41), (vec![900], position(900, false, false)));
        assert_eq!(page(vec![live(41), live(42), start], 41), (vec![42, 900], position(900, false, false)));
    }

    #[test]
    fn a_new_generation_that_says_where_the_last_one_ended_is_no_loss_to_who_has_that() {
        let start = Stored { starts: true, follows: Some(41), ..live(900) };
        let read = |rows: &[Stored], after| page(rows.to_vec(), after);
        let all = [expired(41), closing(42), start.clone()];
        assert_eq!(read(&all, 41), (vec![900], position(900, true, false)));
        assert_eq!(read(&all[1..], 42), (vec![900], position(900, true, false)));
        assert_eq!(read(&all[2..], 41), (vec![900], position(900, true, false)), "the others are deleted");
        assert_eq!(read(&all, 40), (vec![900], position(900, false, false)), "41 has expired");
        assert_eq!(read(&all[2..], 40), (vec![900], position(900, false, false)));
        let lives = [live(41), Stored { expires_at: NOW + 100, ..closing(42) }, start];
        assert_eq!(read(&lives, 40), (vec![41, 900], position(900, true, false)));
    }

    #[test]
    fn a_reader_at_the_end_has_lost_nothing_while_the_last_row_is_surely_the_last() {
        assert_eq!(page(vec![expired(41)], 41), (vec![], position(41, true, false)));
        let long_expired = Stored { expires_at: NOW - 50, ..live(41) };
        assert_eq!(page(vec![long_expired.clone()], 41), (vec![], position(41, false, false)), "42 may be deleted");
        let all = vec![long_expired, closing(42), Stored { starts: true, follows: Some(41), ..live(900) }];
        assert_eq!(page(all, 41), (vec![900], position(900, true, false)), "it says so itself");
        let closed = Stored { expires_at: NOW + 100, ..closing(42) };
        assert_eq!(page(vec![live(41), closed], 41), (vec![], position(42, false, false)), "what followed is gone");
    }

    #[test]
    fn a_row_that_outlives_a_later_generation_is_no_other_logs() {
        let used = Head { generation: Some(Generation { number: 2, start: Seq(900) }) };
        assert_eq!(nothing_behind(Seq(905), newest_of(42, NOW + 1), used, NOW), position(905, false, false));
    }

    #[test]
    fn a_cursor_beyond_the_log_is_reset_unless_the_log_has_expired() {
        let used = Head { generation: Some(Generation { number: 1, start: Seq(1) }) };
        let unused = Head::default();
        assert_eq!(read(vec![], 41, false), Behind::Nothing);
        let reset = |seq| Position { reset: true, ..position(seq, false, false) };
        assert_eq!(nothing_behind(Seq(41), newest_of(30, NOW + 1), used, NOW), reset(30));
        assert_eq!(nothing_behind(Seq(41), None, unused, NOW), reset(0));
        assert_eq!(nothing_behind(Seq(41), newest_of(30, NOW), used, NOW), position(41, false, false));
        assert_eq!(nothing_behind(Seq(41), None, used, NOW), position(41, false, false));
        assert_eq!(nothing_behind(Seq(0), None, unused, NOW), position(0, true, false));
    }

    #[test]
    fn without_a_cursor_the_newest_come_oldest_first() {
        let page = newest(vec![live(43), live(42), expired(41)], NOW);
        assert_eq!(page.items.iter().map(|row| row.seq).collect::<Vec<_>>(), [42, 43]);
        assert_eq!(page.position, position(43, true, false));
        assert_eq!(newest::<Stored>(vec![], NOW).position, position(0, true, false));
    }

    #[test]
    fn hidden_and_collapsed_notifications_are_left_out_but_their_place_is_passed() {
        let outlived = Stored { hides_at: Some(NOW), ..live(43) };
        let rows = vec![live(41), keyed(42, "k"), outlived, keyed(44, "k"), keyed(45, "other")];
        assert_eq!(page(rows, 41), (vec![44, 45], position(45, true, false)));
    }

    #[test]
    fn what_was_superseded_stays_so_when_the_newer_one_is_hidden() {
        let done = Stored { hides_at: Some(NOW), ..keyed(43, "k") };
        let rows = vec![live(41), keyed(42, "k"), done];
        assert_eq!(page(rows.clone(), 41), (vec![], position(43, true, false)));
        let newest = newest(rows.into_iter().rev().collect(), NOW);
        assert_eq!(newest.items.iter().map(|row| row.seq).collect::<Vec<_>>(), [41]);
    }

    proptest! {
        /// A reader that pages through a log, while rows at its start expire and while a query may pass a place just
        /// before it is written, gets every living row once and in order.
        #[test]
        fn a_reader_that_pages_misses_nothing_that_lives(
            length in 1u64..60, dead in 0u64..60, limit in 1usize..9, holes in prop::collection::vec(any::<bool>(), 200),
        ) {
            let log: Vec<Stored> = (1..=length).map(|seq| if seq <= dead { expired(seq) } else { live(seq) }).collect();
            let mut holes = holes.into_iter();
            let (mut cursor, mut got, mut again) = (Seq::ZERO, Vec::new(), false);
            for _ in 0..400 {
                let all: Vec<_> = log.iter().filter(|row| row.seq >= cursor.0).cloned().collect();
                let has_more = all.len() > limit + 1;
                let mut rows: Vec<_> = all.into_iter().take(limit + 1).collect();
                // The place that the query passed too early; a second reading finds it filled.
                if !again && holes.next() == Some(true) && rows.len() > 2 {
                    rows.remove(rows.len() / 2);
                }
                match behind(rows, Reading { after: cursor, now: NOW, has_more, again }) {
                    Behind::Doubtful => again = true,
                    Behind::Nothing => break,
                    Behind::Page(page) => {
                        again = false;
                        got.extend(page.items.iter().map(|row| row.seq));
                        cursor = page.position.seq;
                        if !page.position.more { break; }
                    }
                }
            }
            prop_assert_eq!(got, (dead + 1..=length).collect::<Vec<_>>());
        }
    }
}
