//! The sweeper's progress, page by page.
//!
//! The sweeper reads a bucket a page at a time, and each row that it queues moves the bucket's own place. So a crowd in
//! one bucket does not hold up others: the sweeper goes on to the next minutes while it works through the crowd, and no
//! sweep begins the crowd anew.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Millis;

use super::id::{Bucket, Minute, SHARDS, ScheduleId, SchedulePosition};
use super::sweep::{LONGEST_WRITE, SWEPT_AHEAD};

/// The most buckets that may stay open behind the watermark.
const MOST_OPEN: usize = 1000;

/// The most buckets that may be under way at once: those of 20 minutes. With more, the minutes after them wait.
const MOST_UNDER_WAY: usize = 20 * SHARDS as usize;

/// Before its first sweep the sweeper looks back so far, in milliseconds.
const LOOKS_BACK: i64 = 10 * 60_000;

/// The sweeper's progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The watermark: all is finished in the buckets of the minutes before it, but for those in `open`.
    pub watermark: Minute,
    /// Buckets behind the watermark that something unfinished may be in.
    pub open: BTreeSet<Bucket>,
    /// Open buckets whose last look had no time to come to their end.
    pub looks: BTreeMap<Bucket, Look>,
    /// The open bucket whose turn it is to be looked at, if the last sweep had no time for it.
    pub turn: Option<Bucket>,
    /// Up to this time, buckets have been begun: all rows that their writers did not queue have been queued by the
    /// sweeper, but for those behind the `places`.
    pub begun: Millis,
    /// Where to go on in the buckets that are under way.
    pub places: BTreeMap<Bucket, SchedulePosition>,
    /// Before this time no row counts as queued: the tries of notifications that were due earlier begin here.
    pub caught_up: Millis,
    /// When a row of the bucket was last queued that was late already: its tries begin then.
    pub handed_late: BTreeMap<Bucket, Millis>,
}

/// A look for what is late that has not come to its bucket's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Where to go on.
    pub place: SchedulePosition,
    /// Whether something unfinished lies before that.
    pub is_unfinished: bool,
}

impl Look {
    fn at_the_start_of(bucket: Bucket) -> Self {
        Self { place: SchedulePosition::at(bucket.minute.start()), is_unfinished: false }
    }
}

/// A part of a bucket to read: from a place on, the rows that are due before a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The bucket.
    pub bucket: Bucket,
    /// From here on.
    pub from: SchedulePosition,
    /// Up to here.
    pub until: SchedulePosition,
}

/// Where a page of a stretch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageEnd {
    /// There is more behind this place.
    At(SchedulePosition),
    /// The stretch ends with it.
    Last,
}

impl Progress {
    /// Where the first sweep begins.
    #[must_use]
    pub fn start(now: Millis) -> Self {
        let back = now.plus(-LOOKS_BACK);
        Self {
            watermark: Minute::of(back),
            open: BTreeSet::new(),
            looks: BTreeMap::new(),
            turn: None,
            begun: back,
            places: BTreeMap::new(),
            caught_up: back,
            handed_late: BTreeMap::new(),
        }
    }

    /// Begins with the next minute, up to what a sweep at this time hands on; `None` if there is none, or too much is under way.
    pub fn begin(&mut self, now: Millis) -> Option<Minute> {
        let horizon = now.plus(SWEPT_AHEAD);
        if self.begun >= horizon || self.places.len() + usize::from(SHARDS) > MOST_UNDER_WAY {
            return None;
        }
        let minute = Minute::of(self.begun);
        for bucket in minute.buckets() {
            self.places.entry(bucket).or_insert(SchedulePosition::at(self.begun));
        }
        self.begun = minute.next().start().min(horizon);
        Some(minute)
    }

    /// The part of a bucket under way that is still to be queued.
    #[must_use]
    pub fn to_hand_on(&self, bucket: Bucket) -> Option<Stretch> {
        let until = SchedulePosition::at(bucket.minute.next().start().min(self.begun));
        self.places.get(&bucket).map(|place| Stretch { bucket, from: *place, until })
    }

    /// Notes that a notification has been handed to the queue, and with it all of its bucket before it.
    pub fn hand(&mut self, id: ScheduleId, now: Millis) {
        self.pass(id.bucket(), SchedulePosition::behind(id));
        if id.due() < now {
            self.handed_late.insert(id.bucket(), now);
        }
    }

    /// Records that a page of a bucket has been dealt with, if all rows of it that have to be queued have been: the
    /// last of those is `last`.
    pub fn turn_page(&mut self, bucket: Bucket, last: Option<ScheduleId>, end: PageEnd) {
        let is_done = |place: &SchedulePosition| last.is_none_or(|last| place.is_behind(last));
        match end {
            _ if !self.places.get(&bucket).is_some_and(is_done) => {}
            PageEnd::At(place) => self.pass(bucket, place),
            PageEnd::Last => {
                self.places.remove(&bucket);
            }
        }
    }

    fn pass(&mut self, bucket: Bucket, to: SchedulePosition) {
        if let Some(place) = self.places.get_mut(&bucket) {
            *place = to.max(*place);
        }
    }

    /// Up to this time, every row that its writer did not queue has been queued, without exception.
    #[must_use]
    pub fn handed(&self) -> Millis {
        self.places.values().map(|place| place.due()).min().map_or(self.begun, |due| due.min(self.begun))
    }

    /// Whether the sweeper has queued a notification, unless its writer did.
    #[must_use]
    pub fn has_handed(&self, id: ScheduleId) -> bool {
        id.due() < self.begun && self.places.get(&id.bucket()).is_none_or(|place| place.is_behind(id))
    }

    /// The time from which the tries of a notification count, if it was queued for its time only.
    #[must_use]
    pub fn tried_from(&self, id: ScheduleId) -> Millis {
        let late = self.handed_late.get(&id.bucket()).copied().unwrap_or(self.caught_up);
        id.due().max(late)
    }

    /// Moves the watermark over a minute that no writer can add to any more: from now on its buckets are open. `None` if there is
    /// none, or so many buckets are open that it must not move on.
    pub fn close(&mut self, now: Millis) -> Option<Minute> {
        let minute = self.watermark;
        if minute >= Minute::of(now.plus(-LONGEST_WRITE)) || self.open.len() >= MOST_OPEN {
            return None;
        }
        self.open.extend(minute.buckets());
        self.watermark = minute.next();
        Some(minute)
    }

    /// The open buckets in the order in which they are looked at.
    pub fn turns(&self) -> impl Iterator<Item = Bucket> {
        let first = |bucket: &&Bucket| self.turn.is_none_or(|turn| **bucket >= turn);
        let from_turn = self.open.iter().filter(first);
        from_turn.chain(self.open.iter().filter(move |bucket| !first(bucket))).copied()
    }

    /// The part of an open bucket that is still to be looked at.
    #[must_use]
    pub fn to_look_at(&self, bucket: Bucket) -> Stretch {
        let from = self.looks.get(&bucket).map_or(Look::at_the_start_of(bucket).place, |look| look.place);
        Stretch { bucket, from, until: SchedulePosition::at(bucket.minute.next().start()) }
    }

    /// Notes that a page of an open bucket was looked at, and whether something on it is unfinished. At its end the bucket is
    /// open no more, unless something in it is.
    pub fn looked(&mut self, bucket: Bucket, is_unfinished: bool, end: PageEnd) {
        let before = self.looks.remove(&bucket).unwrap_or(Look::at_the_start_of(bucket));
        let is_unfinished = is_unfinished || before.is_unfinished;
        match end {
            PageEnd::At(place) => {
                self.looks.insert(bucket, Look { place, is_unfinished });
            }
            PageEnd::Last if is_unfinished => {}
            PageEnd::Last => {
                self.open.remove(&bucket);
                self.handed_late.remove(&bucket);
            }
        }
    }

    /// The age of the oldest unfinished bucket, in seconds.
    #[must_use]
    pub fn lag(&self, now: Millis) -> i64 {
        let oldest = self.open.first().map_or(self.watermark, |bucket| bucket.minute.min(self.watermark));
        (now.0 - oldest.start().0).max(0) / 1000
    }
}

/// The rows of several pages in the order in which they are queued: one of each page in turn, each page's in its own
/// order. So a page with few rows does not wait for a full one.
#[must_use]
pub fn in_turn<T>(pages: Vec<Vec<T>>) -> Vec<T> {
    let mut rows: Vec<(usize, T)> = pages.into_iter().flat_map(|page| page.into_iter().enumerate()).collect();
    rows.sort_by_key(|(nth, _)| *nth);
    rows.into_iter().map(|(_, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn id(due: i64, random: u8) -> ScheduleId {
        ScheduleId::of_one(Millis(due), [0, 0, 0, 0, 0, 0, 0, random, 0, 0])
    }

    /// A healthy schedule: all rows up to the end of this sweep are queued, and closed.
    fn healthy(now: i64) -> Progress {
        let now = Millis(now);
        let mut progress = Progress::start(now);
        while progress.begin(now).is_some() {
            progress.places.clear();
        }
        while progress.close(now).is_some() {
            progress.open.clear();
        }
        progress
    }

    /// The parts to queue, the earliest first.
    fn under_way(progress: &Progress) -> Vec<Stretch> {
        progress.places.keys().filter_map(|bucket| progress.to_hand_on(*bucket)).collect()
    }

    #[test]
    fn a_crowd_holds_neither_the_next_minutes_back_nor_is_begun_anew() {
        let mut progress = healthy(0);
        let crowd = progress.begun.0;
        let minute = Millis(MINUTE);
        while progress.begin(minute).is_some() {}
        let (first, second) = (id(crowd, 1), id(crowd, 2));
        progress.hand(first, minute);
        let stretch = progress.to_hand_on(first.bucket()).unwrap();
        assert_eq!((stretch.from.is_behind(first), stretch.from.is_behind(second)), (true, false));
        assert!(progress.has_handed(first) && !progress.has_handed(second));
        // All others are through; a minute later the crowd is where it was, and what follows it is begun.
        progress.places.retain(|bucket, _| *bucket == first.bucket());
        let later = id(crowd + MINUTE, 1);
        assert!(!progress.has_handed(later));
        while progress.begin(Millis(2 * MINUTE)).is_some() {}
        progress.hand(later, Millis(2 * MINUTE));
        assert!(progress.has_handed(later) && !progress.has_handed(second));
        assert_eq!(progress.handed(), Millis(crowd), "an earlier release goes back to the crowd");
    }

    #[test]
    fn a_bucket_that_is_begun_up_to_a_moment_goes_on_from_there() {
        let mut progress = healthy(0);
        let (begun, minute) = (progress.begun, Minute::of(progress.begun));
        assert!(progress.begin(Millis(1_000)).is_some());
        let stretches = under_way(&progress);
        let expected = |bucket| Stretch {
            bucket,
            from: SchedulePosition::at(begun),
            until: SchedulePosition::at(begun.plus(1_000)),
        };
        assert_eq!(stretches, minute.buckets().map(expected).collect::<Vec<_>>());
        assert!(progress.begin(Millis(1_000)).is_none());
        for bucket in minute.buckets().skip(1) {
            progress.turn_page(bucket, None, PageEnd::Last);
        }
        // The first of its buckets is still under way when more of the minute is begun.
        assert!(progress.begin(Millis(2_000)).is_some());
        let [slow, quick, ..] = under_way(&progress)[..] else { panic!("eight buckets") };
        assert_eq!((slow.from, slow.until), (SchedulePosition::at(begun), SchedulePosition::at(begun.plus(2_000))));
        assert_eq!(
            (quick.from, quick.until),
            (SchedulePosition::at(begun.plus(1_000)), SchedulePosition::at(begun.plus(2_000)))
        );
    }

    #[test]
    fn a_page_is_turned_when_all_of_it_is_handed_on() {
        let mut progress = healthy(0);
        let (first, last) = (id(progress.begun.0, 1), id(progress.begun.0, 2));
        progress.begin(Millis(MINUTE));
        progress.hand(first, Millis(0));
        progress.turn_page(first.bucket(), Some(last), PageEnd::Last);
        assert_eq!(progress.places[&first.bucket()], SchedulePosition::behind(first));
        progress.hand(last, Millis(0));
        progress.turn_page(first.bucket(), Some(last), PageEnd::Last);
        assert!(!progress.places.contains_key(&first.bucket()) && progress.has_handed(last));
    }

    #[test]
    fn what_is_under_way_has_a_bound_and_then_the_minutes_wait() {
        let mut progress = healthy(0);
        let far = Millis(60 * MINUTE);
        while progress.begin(far).is_some() {}
        assert_eq!(progress.places.len(), MOST_UNDER_WAY);
        progress.places.clear();
        assert!(progress.begin(far).is_some(), "and then it goes on");
    }

    #[test]
    fn the_tries_of_what_was_handed_on_late_count_from_then_and_of_nothing_else() {
        let mut progress = healthy(0);
        let (late, other) = (id(progress.begun.0, 1), id(progress.begun.0 + MINUTE, 1));
        let now = Millis(20 * MINUTE);
        while progress.begin(now).is_some() {}
        progress.hand(late, now);
        assert_eq!((progress.tried_from(late), progress.tried_from(other)), (now, other.due()));
        while progress.close(now).is_some() {}
        progress.looked(late.bucket(), false, PageEnd::Last);
        assert!(progress.handed_late.is_empty(), "until its bucket is closed");
    }

    #[test]
    fn a_minute_is_looked_through_when_nobody_can_add_to_it() {
        let closed = |now| {
            let mut progress = Progress::start(Millis(20 * MINUTE));
            while progress.close(Millis(now)).is_some() {}
            progress.open.iter().map(|bucket| bucket.minute.0).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(closed(12 * MINUTE + LONGEST_WRITE - 1), [10]);
        assert_eq!(closed(12 * MINUTE + LONGEST_WRITE), [10, 11]);
    }

    #[test]
    fn a_look_that_is_broken_off_goes_on_and_what_it_has_seen_counts() {
        let mut progress = Progress::start(Millis(20 * MINUTE));
        assert!(progress.close(Millis(20 * MINUTE)).is_some());
        let bucket = *progress.open.first().unwrap();
        let seen = id(bucket.minute.start().0 + 5, 1);
        progress.looked(bucket, true, PageEnd::At(SchedulePosition::behind(seen)));
        assert_eq!(progress.to_look_at(bucket).from, SchedulePosition::behind(seen));
        progress.looked(bucket, false, PageEnd::Last);
        assert!(progress.open.contains(&bucket) && progress.looks.is_empty(), "the next look begins at its start");
        progress.looked(bucket, false, PageEnd::Last);
        assert!(!progress.open.contains(&bucket));
    }

    #[test]
    fn each_open_bucket_has_its_turn() {
        let mut progress = Progress::start(Millis(20 * MINUTE));
        assert!(progress.close(Millis(20 * MINUTE)).is_some());
        let buckets: Vec<Bucket> = progress.turns().collect();
        assert_eq!(buckets, progress.open.iter().copied().collect::<Vec<_>>());
        progress.turn = Some(buckets[3]);
        assert_eq!(progress.turns().collect::<Vec<_>>(), [&buckets[3..], &buckets[..3]].concat());
    }

    #[test]
    fn the_lag_is_that_of_the_oldest_that_is_open() {
        let mut progress = Progress::start(Millis(20 * MINUTE));
        assert_eq!(progress.lag(Millis(20 * MINUTE)), 600);
        progress.open.extend(Minute(3).buckets());
        assert_eq!(progress.lag(Millis(20 * MINUTE)), 17 * 60);
    }

    #[test]
    fn a_page_with_few_rows_does_not_wait_for_a_full_one() {
        assert_eq!(in_turn(vec![vec![1, 2, 3, 4], vec![], vec![10], vec![20, 21]]), [1, 10, 20, 2, 21, 3, 4]);
    }

    proptest! {
        /// Sweeps that end anywhere hand on each row once, if none of them dies.
        #[test]
        fn however_sweeps_end_each_row_is_handed_on_once(
            dues in prop::collection::vec((0..4 * MINUTE, any::<u8>(), any::<u8>()), 0..60),
            page in 1usize..5,
            budgets in prop::collection::vec(0usize..12, 0..20),
        ) {
            let ids: BTreeSet<ScheduleId> = dues
                .into_iter()
                .map(|(due, random, shard)| ScheduleId::of_one(Millis(due + MINUTE), [0, 0, 0, 0, 0, 0, 0, 0, random, shard]))
                .collect();
            let mut progress = healthy(-SWEPT_AHEAD);
            let mut handed = Vec::new();
            let budgets = budgets.into_iter().chain(std::iter::repeat(1_000)).take(40);
            for (sweep, mut budget) in (0i64..).zip(budgets) {
                let now = Millis(sweep * MINUTE / 3);
                while budget > 0 {
                    progress.begin(now);
                    let stretches = under_way(&progress);
                    if stretches.is_empty() {
                        break;
                    }
                    let is_in = |stretch: &Stretch, id: &ScheduleId| {
                        id.bucket() == stretch.bucket && !stretch.from.is_behind(*id) && stretch.until.is_behind(*id)
                    };
                    let pages: Vec<Vec<ScheduleId>> = stretches
                        .iter()
                        .map(|stretch| ids.iter().copied().filter(|id| is_in(stretch, id)).take(page).collect())
                        .collect();
                    for id in in_turn(pages.clone()).into_iter().take(budget) {
                        progress.hand(id, now);
                        handed.push(id);
                    }
                    budget = budget.saturating_sub(pages.iter().map(Vec::len).sum::<usize>().max(1));
                    for (stretch, rows) in stretches.iter().zip(&pages) {
                        let last = rows.last().copied();
                        let end = last.filter(|_| rows.len() == page).map_or(PageEnd::Last, |id| PageEnd::At(SchedulePosition::behind(id)));
                        progress.turn_page(stretch.bucket, last, end);
                    }
                }
            }
            handed.sort_unstable();
            prop_assert_eq!(handed, ids.into_iter().collect::<Vec<_>>());
        }
    }
}
