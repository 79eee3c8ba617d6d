//! The places in which a user's polls wait. Each waiting poll holds an execution of a function to itself, so a user has few.

use std::fmt;

use super::refusal::{Code, Refusal};
use super::time::Millis;

/// The number of polls of a user that may wait at once.
pub const PLACES: usize = 3;

/// A poll's right to wait in one of its user's places, until an end. The mark tells two polls apart that end at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Which place, from 0.
    pub place: usize,
    /// When the place is free again, if the poll gives it back no earlier.
    pub until: Millis,
    /// Any number.
    pub mark: u32,
}

impl fmt::Display for Lease {
    /// As a row has it. Leases sort by their ends, as texts do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{:08x}", end(self.until), self.mark)
    }
}

/// A moment to compare leases with: a lease that is less has ended by then.
#[must_use]
pub fn end(moment: Millis) -> String {
    format!("{:015}", moment.0.max(0))
}

/// The decision about one more poll of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// This one is free.
    Free(usize),
    /// None is, until then.
    Full {
        /// When the first lease ends.
        until: Millis,
    },
}

/// Looks for a place in which no poll waits. `leases` are what the row has, by place. A lease that this release cannot read counts as
/// taken for another second.
#[must_use]
pub fn look(leases: [Option<&str>; PLACES], now: Millis) -> Places {
    let end_of = |lease: &str| lease.split('#').next().and_then(|end| end.parse().ok()).map_or(now.plus(1000), Millis);
    let mut first: Option<Millis> = None;
    for (place, lease) in leases.into_iter().enumerate() {
        let Some(until) = lease.map(end_of).filter(|until| *until > now) else { return Places::Free(place) };
        first = Some(first.map_or(until, |known| known.min(until)));
    }
    Places::Full { until: first.unwrap_or(now) }
}

/// The refusal of a poll that would have to wait while its user has no place free.
#[must_use]
pub fn too_many(until: Millis, now: Millis) -> Refusal {
    let detail = format!(
        "{PLACES} polls of this user are waiting already; ask again when one of them has ended, or with `wait=0` at any time"
    );
    // Rounded up.
    let left = (until.0 - now.0 + 999) / 1000;
    Refusal::new(Code::TooManyPolls, detail).again_in(left.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(until: i64) -> String {
        Lease { place: 0, until: Millis(until), mark: 7 }.to_string()
    }

    #[test]
    fn the_first_place_without_a_living_lease_is_free() {
        let (over, living) = (lease(999), lease(2_000));
        let now = Millis(1_000);
        assert_eq!(look([None, None, None], now), Places::Free(0));
        assert_eq!(look([Some(&living), None, Some(&living)], now), Places::Free(1));
        assert_eq!(look([Some(&living), Some(&living), Some(&over)], now), Places::Free(2));
        let unreadable = [Some(living.as_str()), Some("of another layout"), Some(&living)];
        assert_eq!(look(unreadable, now), Places::Full { until: Millis(2_000) });
    }

    #[test]
    fn full_places_are_free_when_the_first_lease_ends() {
        let (sooner, later) = (lease(2_001), lease(9_000));
        let full = look([Some(&later), Some(&sooner), Some(&later)], Millis(1_000));
        assert_eq!(full, Places::Full { until: Millis(2_001) });
    }

    #[test]
    fn leases_compare_as_texts_with_moments() {
        for (until, now) in [(999, 1_000), (1_795_977_259_423, 1_795_977_259_424), (9_999, 10_000)] {
            assert!(lease(until) < end(Millis(now)), "{until} has ended at {now}");
            assert!(lease(now) > end(Millis(until)), "{now} has not ended at {until}");
        }
    }

    #[test]
    fn a_refusal_says_when_to_ask_again_in_whole_seconds() {
        for (until, after) in [(1_001, 1), (2_000, 1), (2_001, 2), (28_000, 27), (900, 1)] {
            assert_eq!(too_many(Millis(until), Millis(1_000)).retry_after, Some(after), "{until}");
        }
        assert_eq!(too_many(Millis(0), Millis(0)).code, Code::TooManyPolls);
    }
}
