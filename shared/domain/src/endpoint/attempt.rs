//! One attempt to deliver one notification to one endpoint, and what is known of that delivery.
//!
//! Every message may be delivered twice, and a function may die at any moment during an attempt. So an attempt begins
//! with a conditional write that counts it and takes a lease. A function that cannot take the lease reads the row and
//! acts on it.

use serde::{Deserialize, Serialize};

use super::id::EndpointId;
use crate::channel::Channel;
use crate::seq::Seq;
use crate::time::Millis;

/// Which attempt, at which delivery.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The channel.
    pub channel: Channel,
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The notification.
    pub seq: Seq,
    /// From 1.
    #[serde(rename = "attempt")]
    pub number: u32,
    /// The number of replays that the endpoint's owner had asked for when this attempt was queued. Attempts are counted
    /// anew with each replay.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub replay: u32,
}

/// The range that the newest replay has queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayedRange {
    /// The replay's number.
    pub number: u32,
    /// The first notification.
    pub from: Seq,
    /// The last one.
    pub to: Seq,
}

impl ReplayedRange {
    /// Whether an attempt is of an older replay, or of none, and this one has queued the same anew.
    #[must_use]
    pub fn covers(&self, attempt: &Attempt) -> bool {
        attempt.replay < self.number && (self.from..=self.to).contains(&attempt.seq)
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Attempt {
    /// The first attempt at a delivery.
    #[must_use]
    pub fn first(channel: &Channel, endpoint: &EndpointId, seq: Seq, replay: u32) -> Self {
        Self { channel: channel.clone(), endpoint: endpoint.clone(), seq, number: 1, replay }
    }

    /// The one after this.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { number: self.number + 1, ..self.clone() }
    }
}

/// The end of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryEnd {
    /// The endpoint has taken it.
    Delivered,
    /// It has not, and is not asked again.
    DeadLettered,
    /// There was nothing to deliver any more.
    Dropped,
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The last attempt that was begun.
    pub attempt: u32,
    /// See [`Attempt::replay`].
    #[serde(default)]
    pub replay: u32,
    /// Until when that attempt may be under way; `None` once its result is known.
    pub lease: Option<Millis>,
    /// When the next one is due.
    pub next_at: Option<Millis>,
    /// Set once there is no next one.
    pub ended: Option<DeliveryEnd>,
}

/// Why an attempt is not to be made now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// It was made, and all that follows from it is done, or is another function's to do.
    Over,
    /// A function is making it, or has died of it: at this moment it is clear which.
    UnderWay(Millis),
    /// It was made, and its function may have died before it queued the next one for this moment.
    Next(Attempt, Millis),
    /// It was the last one, and its function may have died before it recorded that.
    WasLast,
}

impl Delivery {
    /// Why this attempt could not be begun.
    #[must_use]
    pub fn why_not(&self, attempt: &Attempt) -> NotNow {
        if (self.replay, self.attempt) != (attempt.replay, attempt.number) {
            return NotNow::Over;
        }
        match (self.ended, self.lease, self.next_at) {
            (Some(DeliveryEnd::DeadLettered), _, _) => NotNow::WasLast,
            (None, Some(lease), _) => NotNow::UnderWay(lease),
            (None, None, Some(at)) => NotNow::Next(attempt.next(), at),
            _ => NotNow::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Sub;

    fn attempt(number: u32, replay: u32) -> Attempt {
        let alice = Sub::parse("alice").unwrap();
        let first = Attempt::first(&Channel::inbox(&alice), &EndpointId::new(&alice, 0, [0; 8]), Seq(7), replay);
        Attempt { number, ..first }
    }

    #[test]
    fn an_attempt_that_cannot_begin_finishes_what_another_may_have_left() {
        let done = Delivery { attempt: 2, replay: 1, lease: None, next_at: Some(Millis(9)), ended: None };
        assert_eq!(done.why_not(&attempt(2, 1)), NotNow::Next(attempt(3, 1), Millis(9)));
        assert_eq!(done.why_not(&attempt(1, 1)), NotNow::Over);
        assert_eq!(done.why_not(&attempt(2, 0)), NotNow::Over, "of an earlier replay");
        let busy = Delivery { lease: Some(Millis(5)), next_at: None, ..done };
        assert_eq!(busy.why_not(&attempt(2, 1)), NotNow::UnderWay(Millis(5)));
        let dead = Delivery { lease: None, next_at: None, ended: Some(DeliveryEnd::DeadLettered), ..done };
        assert_eq!(dead.why_not(&attempt(2, 1)), NotNow::WasLast);
        let delivered = Delivery { ended: Some(DeliveryEnd::Delivered), ..dead };
        assert_eq!(delivered.why_not(&attempt(2, 1)), NotNow::Over);
    }

    #[test]
    fn a_replay_takes_the_place_of_what_older_ones_have_queued() {
        let replayed = ReplayedRange { number: 2, from: Seq(5), to: Seq(7) };
        assert!(replayed.covers(&attempt(1, 1)) && replayed.covers(&attempt(4, 0)));
        assert!(!replayed.covers(&attempt(1, 2)) && !replayed.covers(&attempt(1, 3)));
        for seq in [4, 8] {
            assert!(!replayed.covers(&Attempt { seq: Seq(seq), ..attempt(1, 1) }), "{seq}");
        }
    }

    #[test]
    fn a_message_reads_as_it_was_written() {
        for attempt in [attempt(1, 0), attempt(3, 2)] {
            let text = serde_json::to_string(&attempt).unwrap();
            assert_eq!(serde_json::from_str::<Attempt>(&text).unwrap(), attempt, "{text}");
            // Messages of earlier releases say how often they have waited.
            let earlier = text.replacen('}', r#","waits":3}"#, 1);
            assert_eq!(serde_json::from_str::<Attempt>(&earlier).unwrap(), attempt, "{earlier}");
        }
    }
}
