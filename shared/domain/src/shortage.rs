//! Whether posts are refused to all connections or to one.
//!
//! API Gateway answers 429 both where the account's quota of requests is used up and where one client does not empty its buffer. Which
//! of the two it is shows in what other connections' posts are answered at the same time.

/// After so many connections in a row were refused, none is expected to be served.
const IN_A_ROW: u32 = 8;

/// The weight of one answer in the average of the recent ones.
const WEIGHT: f64 = 1.0 / 16.0;

/// From this part on, refusals are not only about the connections that meet them.
const LARGE: f64 = 0.25;

/// The refusals that a process has seen lately. A post counts with its first try only: a connection that refuses every
/// try is one refusal.
#[derive(Clone, Debug, Default)]
pub struct Shortage {
    in_a_row: u32,
    refused: f64,
}

impl Shortage {
    /// Notes that a post was taken, or that its connection is gone: either way, it was served.
    pub fn record_served(&mut self) {
        self.in_a_row = 0;
        self.refused -= self.refused * WEIGHT;
    }

    /// Notes that a connection was refused.
    pub fn record_refused(&mut self) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.refused += (1.0 - self.refused) * WEIGHT;
    }

    /// Whether nobody is served at present, until a post proves otherwise.
    #[must_use]
    pub fn is_total(&self) -> bool {
        self.in_a_row >= IN_A_ROW
    }

    /// Whether a large part is refused: a connection that is refused twice is probably not the reason.
    #[must_use]
    pub fn is_general(&self) -> bool {
        self.refused >= LARGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answers: impl IntoIterator<Item = bool>) -> Shortage {
        let mut shortage = Shortage::default();
        for is_served in answers {
            if is_served { shortage.record_served() } else { shortage.record_refused() }
        }
        shortage
    }

    #[test]
    fn a_few_connections_that_are_refused_among_many_are_no_shortage() {
        for every in [10, 20, 100] {
            let shortage = seen((1..=1_000).map(|n| n % every != 0));
            assert!(!shortage.is_total() && !shortage.is_general(), "one in {every}: {shortage:?}");
        }
        assert!(!seen([false]).is_general(), "the first answer of all");
    }

    #[test]
    fn an_empty_quota_is_seen_after_a_few_answers_and_ends_with_the_first_that_is_served() {
        let served = || std::iter::repeat_n(true, 1_000);
        assert!(!seen(served().chain([false; 7])).is_total());
        let mut empty = seen(served().chain([false; 8]));
        assert!(empty.is_total() && empty.is_general(), "{empty:?}");
        empty.record_served();
        assert!(!empty.is_total() && empty.is_general(), "one answer is not yet a quota: {empty:?}");
    }

    #[test]
    fn where_a_large_part_is_refused_the_shortage_is_general_and_not_total() {
        let half = seen((0..100).map(|n| n % 2 == 0));
        assert!(half.is_general() && !half.is_total(), "{half:?}");
    }
}
