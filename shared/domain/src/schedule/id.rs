//! Ids of scheduled notifications. An id says where its row is, so that looking it up needs no index: it is a UUID of
//! version 7 (RFC 9562 section 5.7) whose time is the time when the notification is due.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::time::Millis;

/// In how many buckets the rows of one minute are. Each is a partition of its own, which takes 1,000 write units a second.
pub const SHARDS: u8 = 8;

const MINUTE: i64 = 60_000;

/// The bits of an id's last byte that say the shard; the bit above says whether it is a series'.
const SHARD_BITS: u8 = SHARDS - 1;
const SERIES_BIT: u8 = SHARDS;

/// The id of a scheduled notification, or of a series of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ScheduleId(Uuid);

impl ScheduleId {
    /// An id of one notification that is due then.
    #[must_use]
    pub fn of_one(due: Millis, random: [u8; 10]) -> Self {
        let [.., last] = random;
        Self::new(due, random, last & !SERIES_BIT)
    }

    /// An id of a series whose first notification is due then.
    #[must_use]
    pub fn of_series(due: Millis, random: [u8; 10]) -> Self {
        let [.., last] = random;
        Self::new(due, random, last | SERIES_BIT)
    }

    fn new(due: Millis, mut random: [u8; 10], last: u8) -> Self {
        random[9] = last;
        Self(Builder::from_unix_timestamp_millis(due.0.unsigned_abs(), &random).into_uuid())
    }

    /// Reads an id; `None` for what is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().filter(|id| id.get_version_num() == 7).map(Self)
    }

    /// Whether it is a series'.
    #[must_use]
    pub fn is_series(self) -> bool {
        self.last() & SERIES_BIT != 0
    }

    /// When the notification is due, or the first one of the series.
    #[must_use]
    pub fn due(self) -> Millis {
        time_in(self.0)
    }

    /// Where the row of one notification is.
    #[must_use]
    pub fn bucket(self) -> Bucket {
        Bucket { minute: Minute::of(self.due()), shard: self.last() & SHARD_BITS }
    }

    fn last(self) -> u8 {
        let [.., last] = *self.0.as_bytes();
        last
    }
}

impl fmt::Display for ScheduleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first six bytes of a UUID of version 7.
fn time_in(uuid: Uuid) -> Millis {
    let [a, b, c, d, e, f, ..] = *uuid.as_bytes();
    Millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

/// A place in the order of ids, between two of them: what comes behind it is still to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SchedulePosition(Uuid);

impl SchedulePosition {
    /// Before every id that is due then or later, and behind all others.
    #[must_use]
    pub fn at(due: Millis) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&due.0.unsigned_abs().to_be_bytes()[2..]);
        Self(Uuid::from_bytes(bytes))
    }

    /// Right behind an id.
    #[must_use]
    pub fn behind(id: ScheduleId) -> Self {
        Self(Uuid::from_u128(id.0.as_u128().saturating_add(1)))
    }

    /// No id behind this place is due before this time.
    #[must_use]
    pub fn due(self) -> Millis {
        time_in(self.0)
    }

    /// Whether this place lies behind an id.
    #[must_use]
    pub fn is_behind(self, id: ScheduleId) -> bool {
        id.0 < self.0
    }
}

impl fmt::Display for SchedulePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A minute since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Minute(pub i64);

impl Minute {
    /// The minute that a moment lies in.
    #[must_use]
    pub fn of(moment: Millis) -> Self {
        Self(moment.0.div_euclid(MINUTE))
    }

    /// Its first moment.
    #[must_use]
    pub fn start(self) -> Millis {
        Millis(self.0 * MINUTE)
    }

    /// The minute after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its buckets.
    pub fn buckets(self) -> impl Iterator<Item = Bucket> {
        (0..SHARDS).map(move |shard| Bucket { minute: self, shard })
    }
}

/// One of the buckets of a minute, written `2026-11-22T10:05#3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Bucket {
    /// The minute in which its notifications are due.
    pub minute: Minute,
    shard: u8,
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.minute.start().rfc3339();
        write!(f, "{}#{}", start.get(..16).unwrap_or(&start), self.shard)
    }
}

impl From<Bucket> for String {
    fn from(bucket: Bucket) -> Self {
        bucket.to_string()
    }
}

impl TryFrom<String> for Bucket {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (minute, shard) = text.split_once('#').ok_or_else(|| format!("{text} is no bucket"))?;
        let start = Millis::from_rfc3339(&format!("{minute}:00Z"))?;
        Ok(Self { minute: Minute::of(start), shard: shard.parse().map_err(|_| format!("{text} has no shard"))? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_bucket_is_written_as_its_minute_and_shard() {
        let due = Millis::from_rfc3339("2026-11-22T10:05:59.999Z").unwrap();
        let id = ScheduleId::of_one(due, [0, 0, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(id.bucket().to_string(), "2026-11-22T10:05#3");
        assert_eq!(Bucket::try_from("2026-11-22T10:05#3".to_owned()), Ok(id.bucket()));
        assert!(Bucket::try_from("yesterday#3".to_owned()).is_err());
    }

    #[test]
    fn what_is_no_id_of_ours_is_none() {
        for text in ["", "42", "018f", "f47ac10b-58cc-4372-a567-0e02b2c3d479"] {
            assert_eq!(ScheduleId::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_says_when_it_is_due_and_what_it_is(due in 0i64..1 << 47, random: [u8; 10]) {
            let due = Millis(due);
            let (one, series) = (ScheduleId::of_one(due, random), ScheduleId::of_series(due, random));
            prop_assert_eq!((one.due(), series.due()), (due, due));
            prop_assert_eq!((one.is_series(), series.is_series()), (false, true));
            prop_assert_eq!(ScheduleId::parse(&one.to_string()), Some(one));
            prop_assert!(one.bucket().minute.buckets().any(|bucket| bucket == one.bucket()));
        }

        #[test]
        fn ids_sort_by_when_they_are_due(a in 0i64..1 << 47, b in 0i64..1 << 47, random: [u8; 10]) {
            let (id, place) = (ScheduleId::of_one(Millis(a), random), SchedulePosition::at(Millis(b)));
            prop_assert_eq!((place.is_behind(id), place.due()), (a < b, Millis(b)));
            prop_assert_eq!(id.to_string() >= place.to_string(), a >= b, "as DynamoDB sorts them");
        }

        #[test]
        fn the_place_behind_an_id_is_before_the_next_one(due in 0i64..1 << 47, one: [u8; 10], other: [u8; 10]) {
            let (one, other) = (ScheduleId::of_one(Millis(due), one), ScheduleId::of_one(Millis(due), other));
            let place = SchedulePosition::behind(one);
            prop_assert_eq!((place.is_behind(other), place.due()), (other <= one, one.due()));
            prop_assert_eq!(other.to_string() < place.to_string(), other <= one);
        }
    }
}
