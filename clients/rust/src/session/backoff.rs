//! The wait before the next connection, and the decision to stop trying.

use std::time::Duration;

use rand::rngs::StdRng;

use crate::timing::{Timing, backoff, within};

/// So many refusals of a token in a row end the listener. One may be a deployment, or a token that ended on its way.
const MAX_REFUSALS: u32 = 3;
/// A token that is to be replaced sooner than this is taken for one that the source gives each time.
const BRIEF: Duration = Duration::from_secs(10);
const FIRST_BRIEF: Duration = Duration::from_secs(1);

/// The recent failures.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// Connections that were lost or not to be had since one last proved its worth.
    failures: u32,
    /// Refusals of a token, in a row.
    refusals: u32,
    /// Connections in a row whose token was about to end.
    brief: u32,
}

impl Backoff {
    /// A connection answered a question.
    pub(super) fn proved(&mut self) {
        self.failures = 0;
    }

    /// A token was accepted.
    pub(super) fn accepted(&mut self) {
        self.refusals = 0;
    }

    /// A token was refused. Says whether to give up.
    pub(super) fn refused(&mut self) -> bool {
        self.refusals += 1;
        self.refusals >= MAX_REFUSALS
    }

    /// The wait after a connection was lost. Many may have been lost at once, by a deployment for one.
    pub(super) fn after_loss(&mut self, rng: &mut StdRng, timing: &Timing) -> Duration {
        if self.failures > 0 {
            return self.after_failure(rng, timing);
        }
        self.failures = 1;
        within(rng, &timing.reconnect)
    }

    /// The wait after no connection could be opened.
    pub(super) fn after_failure(&mut self, rng: &mut StdRng, timing: &Timing) -> Duration {
        self.failures = self.failures.saturating_add(1);
        backoff(rng, timing.first_retry, timing.longest_retry, self.failures)
    }

    /// The time for which a connection is used whose token is good for `lifetime`. A source that gives the same token
    /// each time leaves less of it each time, so what is brief grows.
    pub(super) fn lasts(&mut self, rng: &mut StdRng, timing: &Timing, lifetime: Option<Duration>) -> Duration {
        let planned = within(rng, &timing.replace);
        let Some(lifetime) = lifetime else { return planned };
        let token = within(rng, &(lifetime.mul_f64(0.6)..=lifetime.mul_f64(0.9)));
        if token >= BRIEF {
            self.brief = 0;
            return planned.min(token);
        }
        self.brief = self.brief.saturating_add(1);
        planned.min(token.max(backoff(rng, FIRST_BRIEF, timing.longest_retry, self.brief)))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn a_connection_is_replaced_in_the_last_part_of_its_tokens_life() {
        let (mut rng, mut backoff) = (StdRng::seed_from_u64(1), Backoff::default());
        for lifetime in [Duration::from_secs(40), Duration::from_secs(600)] {
            let mut drawn = Vec::new();
            for _ in 0..20 {
                let lasts = backoff.lasts(&mut rng, &Timing::default(), Some(lifetime));
                assert!((lifetime.mul_f64(0.6)..=lifetime.mul_f64(0.9)).contains(&lasts), "{lasts:?}");
                drawn.push(lasts);
            }
            drawn.dedup();
            assert!(drawn.len() > 1, "there is no jitter");
        }
    }

    #[test]
    fn a_token_about_to_end_that_is_given_again_is_not_replaced_again_and_again() {
        let (mut rng, mut backoff) = (StdRng::seed_from_u64(1), Backoff::default());
        let mut lasts = || backoff.lasts(&mut rng, &Timing::default(), Some(Duration::ZERO));
        assert!(lasts() >= FIRST_BRIEF / 2);
        let later = (0..10).map(|_| lasts()).max().unwrap();
        assert!(later >= Duration::from_secs(15), "{later:?}");
    }

    #[test]
    fn the_longest_periods_are_no_trouble() {
        let mut rng = StdRng::seed_from_u64(1);
        let replace = Duration::MAX..=Duration::MAX;
        let timing = Timing { replace, ..Timing::default() };
        let lasts = Backoff::default().lasts(&mut rng, &timing, Some(Duration::MAX));
        assert!(lasts > Duration::from_secs(1 << 40), "{lasts:?}");
    }
}
