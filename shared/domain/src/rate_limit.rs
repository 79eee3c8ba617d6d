//! The rate at which a function posts. All functions together are to leave some of the account's quota of requests to
//! others.

use std::time::Duration;

/// When many connections refuse posts, the rate falls to this part of the usual rate at most.
const SLOWEST: u32 = 16;

/// The longest pause between two turns: a function that posts alone gets a turn at least this often.
const LONGEST: Duration = Duration::from_secs(1);

/// The longest that the posts of a page are to take, since no other worker can go on with the page.
const A_PAGE: Duration = Duration::from_secs(2);

/// The next page is read when the last turn of those before it comes within this, so that connections that wait for
/// another try do not keep others from theirs.
const NEAR: Duration = Duration::from_secs(1);

/// The most of a page, which is one answer of the database.
const MOST: usize = 1_024;

/// A post that would have to wait longer for its turn gives it up: when all slow down, the turns of a page would take
/// minutes. It is more than a page's turns take, with those before it.
const LATEST: Duration = Duration::from_secs(4);

/// The turns of posts. Moments are given as the time since one that the caller keeps to.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// The time between two turns when no post is refused.
    usual: Duration,
    /// The time between two turns now.
    every: Duration,
    /// The furthest ahead that a turn may lie.
    latest: Duration,
    next: Duration,
}

impl RateLimit {
    /// With so much between two turns.
    #[must_use]
    pub fn new(usual: Duration) -> Self {
        Self::within(usual, LATEST)
    }

    /// The same, with turns that lie so far ahead at most.
    #[must_use]
    pub fn within(usual: Duration, latest: Duration) -> Self {
        Self { usual, every: usual, latest, next: Duration::ZERO }
    }

    /// The next turn, or `None` if that is too late. Turns that were not used before are lost.
    pub fn turn(&mut self, now: Duration) -> Option<Duration> {
        if self.next > now + self.latest {
            return None;
        }
        let turn = self.next.max(now);
        self.next = turn + self.every;
        Some(turn)
    }

    /// Gives back the turns that lie ahead: those who took them do not post.
    pub fn give_back(&mut self, now: Duration) {
        self.next = self.next.min(now + self.every);
    }

    /// The number of connections that a page is to have now.
    #[must_use]
    pub fn page(&self) -> usize {
        let turns = A_PAGE.as_nanos() / self.every.as_nanos().max(1);
        usize::try_from(turns).unwrap_or(MOST).clamp(1, MOST)
    }

    /// When another page may be read.
    #[must_use]
    pub fn near(&self, now: Duration) -> Duration {
        self.next.saturating_sub(NEAR).max(now)
    }

    /// Slower, because a try was refused. One that is by itself costs some three turns; where more than about one in thirty is,
    /// it goes on.
    pub fn slow_down(&mut self) {
        self.every = (self.every * 5 / 4).min(self.usual * SLOWEST).min(LONGEST.max(self.usual));
    }

    /// A little faster, because one was not.
    pub fn speed_up(&mut self) {
        self.every = (self.every * 127 / 128).max(self.usual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(rate: u32) -> RateLimit {
        RateLimit::new(Duration::from_secs(1) / rate)
    }

    fn time_for(limit: &mut RateLimit, turns: u32, from: Duration) -> Duration {
        (0..turns).map(|_| limit.turn(from).unwrap()).max().unwrap_or(from) - from
    }

    #[test]
    fn it_keeps_its_rate_and_loses_what_was_not_used() {
        let mut limit = per_second(100);
        assert_eq!(time_for(&mut limit, 101, Duration::ZERO), Duration::from_secs(1));
        assert_eq!(time_for(&mut limit, 11, Duration::from_secs(10)), Duration::from_millis(100));
    }

    #[test]
    fn it_slows_down_to_a_sixteenth_and_comes_back() {
        let mut limit = per_second(1_000);
        for _ in 0..20 {
            limit.slow_down();
        }
        assert_eq!(time_for(&mut limit, 11, Duration::from_secs(1)), Duration::from_millis(160));
        for _ in 0..400 {
            limit.speed_up();
        }
        assert_eq!(time_for(&mut limit, 11, Duration::from_secs(2)), Duration::from_millis(10));
    }

    #[test]
    fn a_post_that_comes_alone_gets_a_turn_however_slow_the_rate_is() {
        let mut limit = per_second(1);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            let turn = limit.turn(now).unwrap();
            assert!(turn - now <= LONGEST);
            limit.slow_down();
            now = turn;
        }
    }

    #[test]
    fn a_page_is_no_more_than_can_be_posted_soon() {
        for (rate, page) in [(1, 2), (20, 40), (200, 400), (10_000, MOST)] {
            assert_eq!(per_second(rate).page(), page, "{rate} a second");
        }
    }

    #[test]
    fn a_post_that_would_wait_long_for_its_turn_gives_it_up() {
        let mut limit = per_second(10);
        assert_eq!(time_for(&mut limit, 41, Duration::ZERO), LATEST);
        assert_eq!(limit.turn(Duration::ZERO), None);
        let now = Duration::from_millis(100);
        assert_eq!(limit.turn(now), Some(now + LATEST));
    }

    #[test]
    fn turns_that_are_given_back_are_the_next_ones() {
        let mut limit = per_second(10);
        time_for(&mut limit, 40, Duration::ZERO);
        limit.give_back(Duration::from_secs(1));
        assert_eq!(limit.turn(Duration::from_secs(1)), Some(Duration::from_millis(1_100)));
    }

    #[test]
    fn turns_lie_no_further_ahead_than_asked_for() {
        let latest = Duration::from_millis(500);
        let mut limit = RateLimit::within(Duration::from_millis(20), latest);
        let turns = std::iter::from_fn(|| limit.turn(Duration::ZERO)).collect::<Vec<_>>();
        assert_eq!((turns.len(), turns.last()), (26, Some(&latest)));
    }

    #[test]
    fn another_page_may_be_read_shortly_before_the_last_turn() {
        let mut limit = per_second(100);
        assert_eq!(limit.near(Duration::ZERO), Duration::ZERO);
        assert_eq!(time_for(&mut limit, 300, Duration::ZERO), Duration::from_millis(2_990));
        assert_eq!(limit.near(Duration::from_millis(500)), Duration::from_secs(2));
        assert_eq!(limit.near(Duration::from_millis(2_500)), Duration::from_millis(2_500));
    }

    #[test]
    fn it_finds_the_rate_that_is_taken() {
        // A quarter of what it may is taken; the rest is refused.
        let (mut limit, mut now, mut free) = (per_second(1_000), Duration::ZERO, 0.0_f64);
        let (mut refused, mut tries) = (0, 0);
        while now < Duration::from_secs(60) {
            let turn = limit.turn(now).unwrap();
            free = (free + (turn - now).as_secs_f64() * 250.0).min(25.0);
            now = turn;
            tries += 1;
            if free >= 1.0 {
                free -= 1.0;
                limit.speed_up();
            } else {
                refused += 1;
                limit.slow_down();
            }
        }
        assert!(tries - refused > 60 * 225, "{} of {}", tries - refused, 60 * 250);
        assert!(refused * 20 < tries, "{refused} of {tries}");
    }
}
