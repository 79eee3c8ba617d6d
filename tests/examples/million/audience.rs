//! The rows of the channel's subscribers.

use std::collections::BTreeSet;
use std::ops::Bound;

use shared::domain::segment::Range;

/// A connection's key in the channel, as a number: two bytes of a hash, then its own number. In hexadecimal digits it sorts the
/// same, and begins as the real one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    pub(crate) fn new(hash: u64, number: u64) -> Self {
        Self(hash << 48 | number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0 & 0xffff_ffff_ffff
    }

    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.0)
    }

    pub(crate) fn read(text: &str) -> Self {
        Self(u64::from_str_radix(text, 16).unwrap())
    }
}

/// The rows, by key.
#[derive(Default)]
pub(crate) struct Audience(BTreeSet<Key>);

impl Audience {
    pub(crate) fn insert(&mut self, key: Key) {
        self.0.insert(key);
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.0.remove(&key);
    }

    /// The first rows of a range, as a query has them.
    pub(crate) fn page(&self, range: &Range, most: usize) -> Vec<Key> {
        let first = Bound::Included(Key::read(&format!("{:0<16}", range.digits)));
        let first = range.after.as_deref().map_or(first, |after| Bound::Excluded(Key::read(after)));
        let last = Key::read(&format!("{:f<16}", range.digits));
        let last = Bound::Included(range.until.as_deref().map_or(last, |until| last.min(Key::read(until))));
        self.0.range((first, last)).take(most).copied().collect()
    }
}
