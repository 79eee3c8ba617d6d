//! The number of notifications that an inbox's owner has not read.
//!
//! A log is dense within a generation, so most unread notifications are counted by their seqs, without being read. Only some have
//! to be looked at: up to the newest with a `ttl` or a collapse key not all are to be seen, and between two generations are none.

use super::append::Head;
use super::seq::Seq;

/// From where unread notifications are counted by their seqs. Those before, behind the read mark, have to be looked at.
#[must_use]
pub fn counted_from(read: Seq, fleeting: Seq, head: Head) -> Seq {
    let start = head.generation.map_or(Seq::ZERO, |generation| generation.start);
    read.next().max(start).max(fleeting.next())
}

/// Counts by their seqs: `oldest` is the first from there on that has not expired.
#[must_use]
pub fn counted(newest: Seq, oldest: Option<Seq>) -> u64 {
    oldest.map_or(0, |oldest| (newest.0 + 1).saturating_sub(oldest.0))
}

#[cfg(test)]
mod tests {
    use super::super::append::Generation;
    use super::*;

    fn head(start: u64) -> Head {
        Head { generation: Some(Generation { number: 1, start: Seq(start) }) }
    }

    #[test]
    fn what_is_kept_behind_the_mark_is_counted() {
        assert_eq!(counted_from(Seq(40), Seq::ZERO, head(1)), Seq(41));
        assert_eq!(counted(Seq(42), None), 0);
        assert_eq!(counted(Seq(42), Some(Seq(42))), 1);
        assert_eq!(counted(Seq(42), Some(Seq(1))), 42);
    }

    #[test]
    fn what_may_be_out_of_sight_is_looked_at_and_so_is_an_older_generation() {
        assert_eq!(counted_from(Seq(40), Seq(42), head(1)), Seq(43));
        assert_eq!(counted_from(Seq(40), Seq(39), head(1)), Seq(41), "it was read");
        assert_eq!(counted_from(Seq(40), Seq::ZERO, head(1_800_000_000_000)), Seq(1_800_000_000_000));
    }
}
