//! A limit on the write units a second of a table, or of each of its partition keys.

use std::{collections::BTreeMap, time::Instant};

/// A write, as a limit sees it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Write {
    /// Both names of its table: the logical one, and the one on AWS.
    pub(crate) table: [String; 2],
    /// The value of its partition key.
    pub(crate) key: String,
    /// Its least cost: one unit, or two in a transaction.
    pub(crate) units: f64,
}

/// A token bucket of units, filled at an even rate, for the table or for each of its keys.
#[derive(Debug)]
pub(super) struct Limit {
    /// Units a second, and the units that a bucket holds at most.
    rate: f64,
    /// Whether all keys of the table share one bucket.
    is_shared: bool,
    buckets: BTreeMap<String, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Below zero after a write that cost more than was known when it was admitted.
    left: f64,
    at: Instant,
}

impl Limit {
    pub(super) fn new(rate: u32, is_shared: bool) -> Self {
        Self { rate: f64::from(rate), is_shared, buckets: BTreeMap::new() }
    }

    /// Whether a write may be made now. A write that costs more than a second's units may be made when the bucket is full.
    pub(super) fn allows(&mut self, write: &Write, now: Instant) -> bool {
        let needed = write.units.min(self.rate);
        self.bucket(write, now).left >= needed
    }

    /// Takes units out; a negative number puts them back.
    pub(super) fn take(&mut self, write: &Write, units: f64, now: Instant) {
        self.bucket(write, now).left -= units;
    }

    fn bucket(&mut self, write: &Write, now: Instant) -> &mut Bucket {
        let key = if self.is_shared { String::new() } else { write.key.clone() };
        let bucket = self.buckets.entry(key).or_insert(Bucket { left: self.rate, at: now });
        let filled = now.saturating_duration_since(bucket.at).as_secs_f64() * self.rate;
        *bucket = Bucket { left: self.rate.min(bucket.left + filled), at: now };
        bucket
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn write(key: &str, units: f64) -> Write {
        Write { table: ["T".to_owned(), "t".to_owned()], key: key.to_owned(), units }
    }

    /// The writes that a limit admits at one time.
    fn let_through(limit: &mut Limit, write: &Write, now: Instant) -> usize {
        let mut count = 0;
        while limit.allows(write, now) {
            limit.take(write, write.units, now);
            count += 1;
        }
        count
    }

    #[test]
    fn each_key_has_a_seconds_units_at_once_and_then_as_many_a_second() {
        let (mut limit, start) = (Limit::new(50, false), Instant::now());
        let (plain, in_a_transaction) = (write("a", 1.0), write("b", 2.0));
        assert_eq!(let_through(&mut limit, &plain, start), 50);
        assert_eq!(let_through(&mut limit, &in_a_transaction, start), 25, "another key has units of its own");
        assert_eq!(let_through(&mut limit, &plain, start + Duration::from_millis(100)), 5);
        assert_eq!(
            let_through(&mut limit, &plain, start + Duration::from_secs(60)),
            50,
            "none are saved up for longer"
        );
    }

    #[test]
    fn a_tables_keys_share_its_units() {
        let (mut limit, now) = (Limit::new(50, true), Instant::now());
        assert_eq!(let_through(&mut limit, &write("a", 2.0), now), 25);
        assert_eq!(let_through(&mut limit, &write("b", 1.0), now), 0);
    }

    #[test]
    fn what_was_larger_than_known_is_paid_for_later_and_the_largest_is_let_through_at_all() {
        let (mut limit, now) = (Limit::new(10, false), Instant::now());
        assert!(limit.allows(&write("a", 400.0), now));
        limit.take(&write("a", 1.0), 30.0, now);
        assert!(!limit.allows(&write("a", 1.0), now + Duration::from_secs(2)));
        assert!(limit.allows(&write("a", 1.0), now + Duration::from_millis(2_100)));
    }
}
