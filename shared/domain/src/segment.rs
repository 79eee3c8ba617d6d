//! Segments of a large audience, and the retry of those that could not be posted to.
//!
//! A connection's key in a channel begins with two bytes of a hash, in hexadecimal, so the connections are spread
//! evenly over the range of keys: the size of the rest can be estimated from the part that was read.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::connection::ConnectionId;
use super::item::Item;
use super::seq::Seq;

/// The number of digits of a key that are evenly spread.
const DIGITS: usize = 4;

/// The number of subscribers that a sender reads, and posts to at once.
pub const PAGE: usize = 256;

/// The approximate upper bound on the connections that one worker serves itself; a larger rest is split. With fewer,
/// the posts would be done before it was worth fetching their message.
pub const OWN: usize = 4_096;

/// A page may take this long. Its last post waits for its turn for 3 s, behind those before it; then it is not answered for 3 s,
/// or refused, and waits as long for two more turns. What is left is for queueing it, and for the function's answer.
const A_PAGE: Duration = Duration::from_secs(13);

/// A notification for one segment of the audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentJob {
    /// Whose audience.
    pub channel: Channel,
    /// The notification.
    #[serde(flatten)]
    pub source: NotificationSource,
    /// Which part of the audience.
    #[serde(flatten)]
    pub segment: Segment,
    /// The number of times in a row that no connection of it was served, because posts were refused. Messages of
    /// earlier releases do not say it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub refused: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Where the notification is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationSource {
    /// In the channel's log.
    Seq(Seq),
    /// Nowhere else: it is not to be stored. In JSON, as connections are sent it.
    Item(String),
}

/// A part of an audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    /// A range of keys.
    Range(Range),
    /// A range with an upper end. It has a name of its own because an earlier release would go on behind that end.
    Piece(Range),
    /// One connection, which did not take it.
    One(SingleConnection),
}

/// The keys that begin with these digits, behind a last one that was served, if any was, and up to an end, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Up to four hexadecimal digits; none for all connections.
    #[serde(default)]
    pub digits: String,
    /// The last key that was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The last key that belongs to it, if those behind it are not its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// The division of the connections behind a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// These are queued before the page's first post, so that other workers begin with them.
    pub hand_on: Vec<Range>,
    /// The worker that posts to the page goes on with this.
    pub go_on: Option<Range>,
}

/// Whether a worker that has this time left may begin a page. Else all that is left is queued.
#[must_use]
pub fn is_time_for_a_page(left: Duration) -> bool {
    left >= A_PAGE
}

/// The delay before a retry, in milliseconds: somewhere between these two.
pub type Wait = RangeInclusive<i64>;

/// The delays before a connection is posted to again that gave no answer, by the number of posts without one. The last
/// try lies anywhere within five minutes: connections that fell silent together are not closed together. One that gives
/// no answer then is closed.
const SILENT: [Wait; 4] = [2_000..=2_000, 10_000..=10_000, 30_000..=30_000, 1_000..=300_000];

/// The longest delay before a segment is served again that was refused, in seconds, by the number of refusals; the
/// shortest is half of that.
const REFUSED: [i64; 6] = [2, 10, 30, 60, 120, 300];

/// The same for all further times: below `LONGEST_DELAY` of SQS, and below what `ShareAgeAlarm` is about.
const REFUSED_OFTEN: i64 = 600;

/// The number of times in a row that a stored notification's segment may be refused: two hours at least. By then API
/// Gateway has closed every connection that there was when the notification was sent, and each client has asked for
/// what it missed.
const MOST_REFUSALS: usize = 30;

/// The same for a notification that is not stored: its text is kept for minutes.
const MOST_UNSTORED: usize = 4;

/// A connection that gave no answer to a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleConnection {
    /// The connection's id.
    pub connection: ConnectionId,
    /// The number of posts to it that got no answer.
    pub tries: usize,
}

impl SegmentJob {
    /// The same segment, for later, because posts are refused; whether `some` of it were taken nevertheless. `None` if it has been
    /// refused for as long as it is worth trying.
    #[must_use]
    pub fn later(self, some: bool) -> Option<(Self, Wait)> {
        let is_stored = matches!(self.source, NotificationSource::Seq(_));
        let refused = if some && is_stored { 0 } else { self.refused };
        if refused >= if is_stored { MOST_REFUSALS } else { MOST_UNSTORED } {
            return None;
        }
        let most = REFUSED.get(refused).copied().unwrap_or(REFUSED_OFTEN) * 1000;
        Some((Self { refused: refused + 1, ..self }, most / 2..=most))
    }
}

impl NotificationSource {
    /// The part of a notification that a segment has to carry, by whether the notification has a place in the log.
    #[must_use]
    pub fn of(item: &Item, seq: Option<Seq>) -> Self {
        seq.map_or_else(|| Self::Item(item.to_json(None)), Self::Seq)
    }
}

impl SingleConnection {
    /// A connection that was not posted to yet.
    #[must_use]
    pub fn untried(connection: ConnectionId) -> Self {
        Self { connection, tries: 0 }
    }

    /// The same connection, which has given no answer once more; `None` if it is to be closed.
    #[must_use]
    pub fn again(self) -> Option<(Self, Wait)> {
        let wait = SILENT.get(self.tries)?.clone();
        Some((Self { tries: self.tries + 1, ..self }, wait))
    }
}

impl From<Range> for Segment {
    fn from(range: Range) -> Self {
        if range.until.is_some() { Self::Piece(range) } else { Self::Range(range) }
    }
}

impl Range {
    /// The division of the connections behind a page of `served` that begins this range; `last` is its last key, if
    /// there are more.
    #[must_use]
    pub fn after_page(&self, served: usize, last: Option<&str>, own: usize) -> Next {
        let mut rest = last.map_or_else(Vec::new, |last| self.rest(served, last, own));
        let go_on = if rest.len() == 1 { rest.pop() } else { None };
        Next { hand_on: rest, go_on }
    }

    /// The ranges that serve the connections behind a key best, after `served` of them were read up to there.
    #[must_use]
    pub fn rest(&self, served: usize, last: &str, own: usize) -> Vec<Self> {
        // One with an end is no more than a page was.
        let is_own = self.until.is_some() || self.left(served, last) <= own;
        if is_own { vec![self.behind(last)] } else { self.split(last) }
    }

    /// The rest of this range when posting to it has stopped behind the key `tried`, if any was. `untried` is the last
    /// key that was read and not posted to; where the range `is_open`, more of it may be behind what was read.
    #[must_use]
    pub fn untried(&self, tried: Option<&str>, untried: Option<&str>, is_open: bool) -> Option<Self> {
        let after = tried.or(self.after.as_deref()).map(ToOwned::to_owned);
        let until = if is_open { self.until.clone() } else { untried.map(ToOwned::to_owned) };
        let is_empty = !is_open && until <= after;
        (!is_empty).then(|| Self { digits: self.digits.clone(), after, until })
    }

    /// The rest behind a key, in segments that several workers can serve at once: 16 at most.
    #[must_use]
    pub fn split(&self, last: &str) -> Vec<Self> {
        let at = self.digits.len();
        let Some(digit) = last.get(at..=at).and_then(|digit| u8::from_str_radix(digit, 16).ok()) else {
            return vec![self.behind(last)];
        };
        if at >= DIGITS {
            return vec![self.behind(last)];
        }
        let range = |digit: u8, after: Option<&str>| Self {
            digits: format!("{}{digit:x}", self.digits),
            after: after.map(ToOwned::to_owned),
            until: None,
        };
        let first = range(digit, Some(last));
        std::iter::once(first).chain((digit + 1..16).map(|digit| range(digit, None))).collect()
    }

    /// The rest behind a key, in one.
    #[must_use]
    pub fn behind(&self, last: &str) -> Self {
        Self { after: Some(last.to_owned()), ..self.clone() }
    }

    /// About how many connections are left behind `last`, when `served` were between the beginning and it.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub fn left(&self, served: usize, last: &str) -> usize {
        let (from, to) = (self.begins(), self.ends());
        let at = place(last).clamp(from, to);
        // A key stands for all that share its digits: half of those are behind it.
        let (passed, left) = (at - from + 0.5, to - at - 0.5);
        (served as f64 * left.max(0.0) / passed) as usize
    }

    fn begins(&self) -> f64 {
        self.after.as_deref().map_or_else(|| place(&format!("{:0<DIGITS$}", self.digits)), place)
    }

    fn ends(&self) -> f64 {
        place(&format!("{:f<DIGITS$}", self.digits)) + 1.0
    }
}

/// Where a key's digits are among all.
fn place(key: &str) -> f64 {
    key.get(..DIGITS).and_then(|digits| u16::from_str_radix(digits, 16).ok()).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn keys(count: usize, seed: u64) -> BTreeSet<String> {
        use rand::{RngExt as _, SeedableRng as _};
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        (0..count).map(|n| format!("{:04x}c{n}=", rng.random_range(0..=u16::MAX))).collect()
    }

    fn of(keys: &BTreeSet<String>, range: &Range) -> Vec<String> {
        let is_in = |key: &&String| {
            key.starts_with(&range.digits)
                && range.after.as_ref().is_none_or(|after| *key > after)
                && range.until.as_ref().is_none_or(|until| *key <= until)
        };
        keys.iter().filter(is_in).cloned().collect()
    }

    proptest! {
        #[test]
        fn each_connection_is_in_one_segment(count in 0..3_000_usize, seed: u64, page in 1..300_usize, own in 1..500_usize) {
            let keys = keys(count, seed);
            let (mut served, mut open) = (Vec::new(), vec![Range::default()]);
            while let Some(range) = open.pop() {
                let in_range = of(&keys, &range);
                let now = &in_range[..page.min(in_range.len())];
                served.extend_from_slice(now);
                let last = now.last().filter(|_| now.len() < in_range.len());
                let next = range.after_page(page, last.map(String::as_str), own);
                open.extend(next.hand_on.into_iter().chain(next.go_on));
            }
            served.sort_unstable();
            prop_assert_eq!(served, keys.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn what_stopped_is_left_to_each_once(count in 1..500_usize, seed: u64, read in 0..600_usize, is_open: bool) {
            use rand::{RngExt as _, SeedableRng as _};
            let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
            let (keys, range) = (keys(count, seed), Range::default());
            // Nearly in the order of the keys, as posts are begun.
            let read = of(&keys, &range).into_iter().take(if is_open { read } else { count }).collect::<Vec<_>>();
            let stop = rng.random_range(0..=read.len());
            let (mut tried, mut untried) = (Vec::new(), Vec::new());
            for (nth, key) in read.iter().enumerate() {
                let is_tried = if nth.abs_diff(stop) < 5 { rng.random() } else { nth < stop };
                if is_tried { tried.push(key.clone()) } else { untried.push(key.clone()) }
            }
            let (last_tried, last_untried) = (tried.last().cloned(), untried.last().map(String::as_str));
            let rest = range.untried(last_tried.as_deref(), last_untried, is_open);
            let singly = untried.iter().filter(|key| last_tried.as_ref().is_some_and(|tried| *key < tried)).cloned();
            let mut all: Vec<String> = tried.iter().cloned().chain(singly).collect();
            all.extend(rest.iter().flat_map(|rest| of(&keys, rest)));
            all.sort_unstable();
            let expected = if is_open { of(&keys, &range) } else { read };
            prop_assert_eq!(all, expected);
        }
    }

    #[test]
    fn what_is_left_is_known_from_what_was_read() {
        for count in [1_000, 20_000, 300_000] {
            let keys = keys(count, 7);
            for (digits, page) in [("", 256), ("3", 256), ("a", 40)] {
                let range = Range { digits: digits.to_owned(), ..Range::default() };
                let all = of(&keys, &range);
                let Some(last) = all.get(page - 1) else { continue };
                let (left, truth) = (range.left(page, last), all.len() - page);
                assert!((truth * 6 / 10..=truth * 15 / 10 + 10).contains(&left), "{left} of {truth}");
            }
        }
    }

    #[test]
    fn a_range_is_cut_in_16_behind_what_was_served() {
        let ranges = Range::default().split("03ffX=");
        assert_eq!(ranges.len(), 16);
        assert_eq!(ranges[0], Range { digits: "0".into(), after: Some("03ffX=".into()), until: None });
        assert_eq!(ranges[15], Range { digits: "f".into(), ..Range::default() });
        assert_eq!(ranges[0].split("03ffX=").len(), 13);
        let smallest = Range { digits: "03ff".into(), ..Range::default() };
        assert_eq!(smallest.split("03ffX="), [smallest.behind("03ffX=")]);
    }

    #[test]
    fn a_range_with_an_end_is_not_cut() {
        let piece = Range { until: Some("8000X=".into()), ..Range::default() };
        assert_eq!(piece.rest(1, "0000X=", 1), [piece.behind("0000X=")]);
        assert_eq!(piece.behind("0000X=").until, piece.until);
    }

    fn job(source: NotificationSource, segment: impl Into<Segment>) -> SegmentJob {
        SegmentJob { channel: Channel::parse("topic:news").unwrap(), source, segment: segment.into(), refused: 0 }
    }

    #[test]
    fn a_message_says_what_and_to_whom() {
        let one = Segment::One(SingleConnection { connection: ConnectionId("x=".into()), tries: 1 });
        let digits = Range { digits: "a".into(), ..Range::default() };
        let piece = Range { until: Some("8000X=".into()), ..Range::default() };
        let refused = SegmentJob { refused: 3, ..job(NotificationSource::Seq(Seq(42)), Range::default()) };
        for (job, json) in [
            (
                job(NotificationSource::Seq(Seq(42)), digits),
                json!({"channel": "topic:news", "seq": 42, "range": {"digits": "a"}}),
            ),
            (
                job(NotificationSource::Item("{}".into()), one),
                json!({"channel": "topic:news", "item": "{}", "one": {"connection": "x=", "tries": 1}}),
            ),
            (
                job(NotificationSource::Seq(Seq(42)), piece),
                json!({"channel": "topic:news", "seq": 42, "piece": {"digits": "", "until": "8000X="}}),
            ),
            (refused, json!({"channel": "topic:news", "seq": 42, "range": {"digits": ""}, "refused": 3})),
        ] {
            assert_eq!(serde_json::to_value(&job).unwrap(), json);
            assert_eq!(serde_json::from_value::<SegmentJob>(json).unwrap(), job);
        }
    }

    /// The least and the longest time that a segment waits in all, in seconds, if none of it is ever taken; and the
    /// number of its messages.
    fn waits(source: NotificationSource) -> (i64, i64, usize) {
        let (mut next, mut waits) = (job(source, Range::default()).later(false), (0, 0, 0));
        while let Some((job, wait)) = next {
            assert!(*wait.end() <= 900_000, "longer than SQS keeps a message back: {wait:?}");
            waits = (waits.0 + wait.start() / 1000, waits.1 + wait.end() / 1000, waits.2 + 1);
            next = job.later(false);
        }
        waits
    }

    #[test]
    fn what_is_refused_waits_longer_each_time_until_nobody_can_be_left_to_tell() {
        let (least, most, times) = waits(NotificationSource::Seq(Seq(1)));
        assert!(least >= 2 * 3600 && most < 24 * 3600 && times == MOST_REFUSALS, "{least} to {most} s, {times} times");
        let (_, most, _) = waits(NotificationSource::Item("{}".into()));
        assert!(most < 120, "{most} s");
    }

    #[test]
    fn what_was_taken_in_part_is_tried_again_soon() {
        let refused = |source| SegmentJob { refused: 3, ..job(source, Range::default()) };
        let (later, wait) = refused(NotificationSource::Seq(Seq(1))).later(true).unwrap();
        assert_eq!((later.refused, wait), (1, 1_000..=2_000));
        // It would be kept for longer than minutes, a little at a time.
        assert_eq!(refused(NotificationSource::Item("{}".into())).later(true).unwrap().0.refused, 4);
    }

    #[test]
    fn a_silent_connection_is_closed_after_some_tries_the_last_of_which_is_spread() {
        let mut one = SingleConnection::untried(ConnectionId("x=".into()));
        let mut waits = Vec::new();
        while let Some((again, wait)) = one.clone().again() {
            waits.push(wait);
            one = again;
        }
        assert_eq!(one.tries, 4);
        assert!(waits[3].end() - waits[3].start() > 200_000, "{waits:?}");
    }
}
