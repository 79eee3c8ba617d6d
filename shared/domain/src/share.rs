//! Shares of a large audience.
//!
//! A connection's key in a channel begins with two bytes of a hash, in hexadecimal, so the connections are spread evenly
//! over the range of keys: whoever has read a part of it knows about how many there are in the rest.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::channel::Channel;
use super::item::Item;
use super::seq::Seq;
use super::time::Millis;

/// How many digits of a key are evenly spread.
const DIGITS: usize = 4;

/// How many subscribers whoever sends reads, and posts to at once.
pub const PAGE: usize = 256;

/// The most connections that whoever serves a share goes through by itself: about this many. With more to come, the rest is
/// cut. Fewer would be done before it was worth fetching their message.
pub const OWN: usize = 4_096;

/// A page may take this long. Its last post waits for its turn for 3 s, behind those before it; then it is not answered for 3 s,
/// or refused, and waits as long for two more turns. What is left is for queueing it, and for the function's answer.
const A_PAGE: Duration = Duration::from_secs(13);

/// What a share of the audience is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Whose audience.
    pub channel: Channel,
    /// The notification.
    #[serde(flatten)]
    pub what: What,
    /// Which part of the audience.
    #[serde(flatten)]
    pub part: Part,
}

/// Where the notification is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// In the channel's log.
    Seq(Seq),
    /// Nowhere else: it is not to be stored. In JSON, as connections are sent it.
    Item(String),
}

/// A part of an audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A range of keys.
    Range(Range),
    /// One connection, which did not take it.
    One(One),
}

/// The keys that begin with these digits, behind a last one that was served, if any was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Up to four hexadecimal digits; none for all connections.
    #[serde(default)]
    pub digits: String,
    /// The last key that was served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What becomes of what is behind a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Next {
    /// These are handed on before the page's first post, so that others begin with them.
    pub hand_on: Vec<Range>,
    /// Whoever posts to the page goes on with this.
    pub go_on: Option<Range>,
}

/// Whether whoever has this time left may begin a page. Else all that is left is handed on.
#[must_use]
pub fn is_time_for_a_page(left: Duration) -> bool {
    left >= A_PAGE
}

/// After how many seconds what a connection did not take is posted to it again, by how often it was. After that it is cut.
const PAUSES: [i64; 3] = [2, 10, 30];

/// A connection that did not take a notification for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct One {
    /// The connection's id.
    pub connection: String,
    /// How often the notification was queued for it.
    pub tries: usize,
}

impl What {
    /// What a share has to carry of a notification, which may have a place in the log.
    #[must_use]
    pub fn of(item: &Item, seq: Option<Seq>) -> Self {
        seq.map_or_else(|| Self::Item(item.to_json(None)), Self::Seq)
    }
}

impl One {
    /// The same connection, which has not taken it once more, and for when it is queued; `None` if it is to be cut.
    #[must_use]
    pub fn again(self, now: Millis) -> Option<(Self, Millis)> {
        let pause = PAUSES.get(self.tries)?;
        Some((Self { tries: self.tries + 1, ..self }, now.plus(pause * 1000)))
    }
}

impl Range {
    /// What becomes of what is behind a page of `served` that begins this range; `last` is its last key, if there are more.
    #[must_use]
    pub fn after_page(&self, served: usize, last: Option<&str>, own: usize) -> Next {
        let mut rest = last.map_or_else(Vec::new, |last| self.rest(served, last, own));
        let go_on = if rest.len() == 1 { rest.pop() } else { None };
        Next { hand_on: rest, go_on }
    }

    /// What is left behind a key, as whoever has read up to there best has it served.
    #[must_use]
    pub fn rest(&self, served: usize, last: &str, own: usize) -> Vec<Self> {
        if self.left(served, last) <= own { vec![self.behind(last)] } else { self.cut(last) }
    }

    /// What is left behind a key, in shares that several can serve at once: 16 at most.
    #[must_use]
    pub fn cut(&self, last: &str) -> Vec<Self> {
        let at = self.digits.len();
        let Some(digit) = last.get(at..=at).and_then(|digit| u8::from_str_radix(digit, 16).ok()) else {
            return vec![self.behind(last)];
        };
        if at >= DIGITS {
            return vec![self.behind(last)];
        }
        let share = |digit: u8, after: Option<&str>| Self {
            digits: format!("{}{digit:x}", self.digits),
            after: after.map(ToOwned::to_owned),
        };
        let first = share(digit, Some(last));
        std::iter::once(first).chain((digit + 1..16).map(|digit| share(digit, None))).collect()
    }

    /// What is left behind a key, in one.
    #[must_use]
    pub fn behind(&self, last: &str) -> Self {
        Self { digits: self.digits.clone(), after: Some(last.to_owned()) }
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
        let begins =
            |key: &&String| key.starts_with(&range.digits) && range.after.as_ref().is_none_or(|after| *key > after);
        keys.iter().filter(begins).cloned().collect()
    }

    proptest! {
        #[test]
        fn each_connection_is_in_one_share(count in 0..3_000_usize, seed: u64, page in 1..300_usize, own in 1..500_usize) {
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
    }

    #[test]
    fn what_is_left_is_known_from_what_was_read() {
        for count in [1_000, 20_000, 300_000] {
            let keys = keys(count, 7);
            for (digits, page) in [("", 256), ("3", 256), ("a", 40)] {
                let range = Range { digits: digits.to_owned(), after: None };
                let all = of(&keys, &range);
                let Some(last) = all.get(page - 1) else { continue };
                let (left, truth) = (range.left(page, last), all.len() - page);
                assert!((truth * 6 / 10..=truth * 15 / 10 + 10).contains(&left), "{left} of {truth}");
            }
        }
    }

    #[test]
    fn a_range_is_cut_in_16_behind_what_was_served() {
        let shares = Range::default().cut("03ffX=");
        assert_eq!(shares.len(), 16);
        assert_eq!(shares[0], Range { digits: "0".into(), after: Some("03ffX=".into()) });
        assert_eq!(shares[15], Range { digits: "f".into(), after: None });
        assert_eq!(shares[0].cut("03ffX=").len(), 13);
        let smallest = Range { digits: "03ff".into(), after: None };
        assert_eq!(smallest.cut("03ffX="), [smallest.behind("03ffX=")]);
    }

    #[test]
    fn a_message_says_what_and_to_whom() {
        let channel = Channel::parse("topic:news").unwrap();
        let range = Range { digits: "a".into(), after: None };
        let share = Share { channel: channel.clone(), what: What::Seq(Seq(42)), part: Part::Range(range) };
        let json = json!({"channel": "topic:news", "seq": 42, "range": {"digits": "a"}});
        assert_eq!(serde_json::to_value(&share).unwrap(), json);
        let one = One { connection: "x=".into(), tries: 1 };
        let share = Share { channel, what: What::Item("{}".into()), part: Part::One(one) };
        let json = json!({"channel": "topic:news", "item": "{}", "one": {"connection": "x=", "tries": 1}});
        assert_eq!(serde_json::to_value(&share).unwrap(), json);
        assert_eq!(serde_json::from_value::<Share>(json).unwrap(), share);
    }
}
