//! How many notifications an inbox's owner has not read.

use super::append::Head;
use super::seq::Seq;

/// Counts the notifications behind the read mark, from three reads of the log.
///
/// `oldest` is the oldest notification behind the read mark that has not expired. A log is dense from there on, unless a
/// generation started in between: then only its notifications count, since the others are about to expire.
#[must_use]
pub fn unread(newest: Seq, oldest: Option<Seq>, head: Head) -> u64 {
    let Some(oldest) = oldest else { return 0 };
    let start = head.generation.map_or(Seq::ZERO, |generation| generation.start);
    let first = if start <= newest { oldest.max(start) } else { oldest };
    (newest.0 + 1).saturating_sub(first.0)
}

#[cfg(test)]
mod tests {
    use super::super::append::Generation;
    use super::*;

    #[test]
    fn unread_is_what_is_kept_behind_the_mark() {
        let head = Head { generation: Some(Generation { number: 1, start: Seq(1) }) };
        assert_eq!(unread(Seq(42), None, head), 0);
        assert_eq!(unread(Seq(42), Some(Seq(42)), head), 1);
        assert_eq!(unread(Seq(42), Some(Seq(1)), head), 42);
    }

    #[test]
    fn a_new_generations_jump_is_not_counted() {
        let head = Head { generation: Some(Generation { number: 2, start: Seq(1_800_000_000_000) }) };
        assert_eq!(unread(Seq(1_800_000_000_001), Some(Seq(41)), head), 2);
        assert_eq!(unread(Seq(1_800_000_000_001), Some(Seq(1_800_000_000_001)), head), 1);
    }
}
