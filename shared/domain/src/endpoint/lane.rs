//! Lanes: which attempts wait for which. An attempt at a receiver that takes its time occupies an execution for as long. So
//! endpoints that are known to be slow have a queue and executions of their own, and nobody else waits for those.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// A receiver that takes this long for its status is slow.
pub const SLOW: Duration = Duration::from_millis(1500);

/// The least time that an endpoint stays in the slow lane, in milliseconds: an endpoint that is quick and slow by turns
/// does not come back at once.
const REST: i64 = 10_000;

/// The time that the first attempt at an endpoint has the quick lane for itself, in milliseconds. It is longer than any
/// attempt, so that it ends by itself if its function dies.
const TRIAL: i64 = 30_000;

/// Which queue an attempt waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The one of endpoints that are not known to be slow.
    Quick,
    /// The one of all others.
    Slow,
}

/// The way in which an attempt proceeds that has come out of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneAdmission {
    /// It waits for its receiver as long as a receiver may take.
    Patient,
    /// It waits until its receiver counts as slow, and longer only where few others do.
    Brief,
    /// The same, if it is the only one on trial until then; else it goes into the slow lane.
    Trial(Millis),
    /// It goes into the slow lane.
    Forward,
}

/// The speed of an endpoint, as its row records it. Empty where no attempt was answered yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Speed {
    /// It was slow. From then on, an attempt in the slow lane that is quick brings it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_until: Option<Millis>,
    /// It was quick the last time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    known_quick: bool,
    /// Nobody knows, and an attempt in the quick lane is finding out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial_until: Option<Millis>,
}

impl Speed {
    /// That of an endpoint that was slow until then; nothing is known of others.
    #[must_use]
    pub fn slow(slow_until: Option<Millis>) -> Self {
        Self { slow_until, ..Self::default() }
    }

    /// The lane of what is queued now.
    #[must_use]
    pub fn lane(&self) -> Lane {
        if self.slow_until.is_some() { Lane::Slow } else { Lane::Quick }
    }

    /// Decides about an attempt that came by a lane. At an endpoint without a recorded speed, the quick lane makes one
    /// attempt at a time: however many endpoints are new and slow, each holds one execution there.
    #[must_use]
    pub fn admit(&self, came_by: Lane, now: Millis) -> LaneAdmission {
        match (came_by, self.lane()) {
            (Lane::Slow, _) => LaneAdmission::Patient,
            (Lane::Quick, Lane::Slow) => LaneAdmission::Forward,
            (Lane::Quick, Lane::Quick) if self.known_quick => LaneAdmission::Brief,
            (Lane::Quick, Lane::Quick) if self.trial_until.is_some_and(|until| now < until) => LaneAdmission::Forward,
            (Lane::Quick, Lane::Quick) => LaneAdmission::Trial(now.plus(TRIAL)),
        }
    }

    /// Until when an endpoint is slow at least that was so now; `None` if its row says enough already.
    #[must_use]
    pub fn slowed(&self, now: Millis) -> Option<Millis> {
        let is_known = self.slow_until.is_some_and(|until| now < until);
        (!is_known).then(|| now.plus(REST))
    }

    /// Whether a quick answer is news, and brings the endpoint into the quick lane.
    #[must_use]
    pub fn is_quicker(&self, now: Millis) -> bool {
        self.slow_until.map_or(!self.known_quick, |until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_000_000);

    fn quick() -> Speed {
        Speed { known_quick: true, ..Speed::default() }
    }

    #[test]
    fn one_attempt_at_a_time_finds_out_how_quick_a_new_endpoint_is() {
        let new = Speed::default();
        assert_eq!((new.lane(), new.admit(Lane::Quick, NOW)), (Lane::Quick, LaneAdmission::Trial(NOW.plus(TRIAL))));
        let on_trial = Speed { trial_until: Some(NOW.plus(TRIAL)), ..new };
        assert_eq!((on_trial.lane(), on_trial.admit(Lane::Quick, NOW)), (Lane::Quick, LaneAdmission::Forward));
        let died = on_trial.admit(Lane::Quick, NOW.plus(TRIAL));
        assert_eq!(died, LaneAdmission::Trial(NOW.plus(2 * TRIAL)), "the trial ends by itself");
    }

    #[test]
    fn a_quick_endpoint_needs_no_trial_and_a_slow_one_is_attempted_in_its_lane_only() {
        assert_eq!((quick().lane(), quick().admit(Lane::Quick, NOW)), (Lane::Quick, LaneAdmission::Brief));
        for until in [NOW, NOW.plus(REST)] {
            let slow = Speed::slow(Some(until));
            assert_eq!((slow.lane(), slow.admit(Lane::Quick, NOW)), (Lane::Slow, LaneAdmission::Forward));
        }
        for speed in [Speed::default(), quick(), Speed::slow(Some(NOW))] {
            assert_eq!(speed.admit(Lane::Slow, NOW), LaneAdmission::Patient, "{speed:?}");
        }
    }

    #[test]
    fn a_slow_endpoint_rests_in_its_lane_before_a_quick_answer_counts() {
        assert_eq!(quick().slowed(NOW), Some(NOW.plus(REST)));
        let slow = Speed::slow(Some(NOW.plus(REST)));
        assert_eq!(slow.slowed(NOW), None);
        assert_eq!(slow.slowed(NOW.plus(REST)), Some(NOW.plus(2 * REST)));
        assert!(!slow.is_quicker(NOW) && slow.is_quicker(NOW.plus(REST)));
        assert!(Speed::default().is_quicker(NOW) && !quick().is_quicker(NOW));
        // An earlier release notes the one and leaves the other.
        let both = Speed { slow_until: Some(NOW), ..quick() };
        assert!(both.lane() == Lane::Slow && both.is_quicker(NOW));
    }

    #[test]
    fn a_row_of_an_earlier_release_is_of_an_endpoint_that_nothing_is_known_of_or_a_slow_one() {
        let read = |text| serde_json::from_str::<Speed>(text).unwrap();
        assert_eq!(read("{}"), Speed::default());
        assert_eq!(read(r#"{"slow_until": 7}"#), Speed::slow(Some(Millis(7))));
    }
}
