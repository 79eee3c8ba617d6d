//! Turns at a slow endpoint. A function works on ten messages at once and ends with the slowest, so whoever is slow keeps
//! others waiting, the more attempts are made there at once: then it gets one at a time.

use std::time::Duration;

use domain::time::Millis;

use crate::aws::subscribers::{Endpoint, Subscribers};
use crate::clock;
use crate::endpoints::courier::Outcome;
use crate::error::Error;

/// An endpoint that takes this long for an attempt is slow.
pub(super) const SLOW: Duration = Duration::from_secs(2);

/// A turn is longer than any attempt may take, in milliseconds: it ends by itself if whoever has it dies.
const TURN: i64 = 30_000;

/// For how long an endpoint is left alone that was slow, and took nothing, in milliseconds.
const REST: i64 = 60_000;

/// A message that has to wait comes again after about so long, in milliseconds: twice as long each time, up to the most that
/// a queue can delay it.
const FIRST_PAUSE: i64 = 5_000;
const LONGEST_PAUSE: i64 = 900_000;

/// Whether an attempt may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There are no turns to wait for.
    Free,
    /// It is the caller's, until then.
    Ours(Millis),
    /// Another's.
    Wait(Millis),
}

/// Takes the turn at an endpoint, if it has turns and the last one is over.
pub(super) async fn take(subscribers: &Subscribers, endpoint: &Endpoint, now: Millis) -> Result<Turn, Error> {
    let Some(slow_until) = endpoint.slow_until else { return Ok(Turn::Free) };
    if now < slow_until {
        return Ok(Turn::Wait(slow_until));
    }
    let until = now.plus(TURN);
    let is_ours = subscribers.take_turn(endpoint, slow_until, until).await?;
    Ok(if is_ours { Turn::Ours(until) } else { Turn::Wait(until) })
}

/// Has an endpoint whose attempt takes this long already be slow from now on. The first turn is the caller's, unless others
/// were as slow, and first to say so.
pub(super) async fn begin(subscribers: &Subscribers, endpoint: &Endpoint) -> Result<Turn, Error> {
    let until = clock::now().plus(TURN);
    let is_ours = subscribers.note_slow(endpoint, until).await?;
    Ok(if is_ours { Turn::Ours(until) } else { Turn::Free })
}

/// Ends the caller's turn. One that takes its time and takes everything gets one after the other; one that took something in
/// no time has no turns any more.
pub(super) async fn end(
    subscribers: &Subscribers,
    endpoint: &Endpoint,
    turn: Turn,
    outcome: Option<&Outcome>,
    was_slow: bool,
) -> Result<(), Error> {
    let Turn::Ours(until) = turn else { return Ok(()) };
    let now = clock::now();
    let next = match outcome {
        Some(Outcome::Delivered) if !was_slow => None,
        Some(Outcome::Failed { .. }) if was_slow => Some(now.plus(REST)),
        _ => Some(now),
    };
    subscribers.end_turn(endpoint, until, next).await
}

/// When a message comes again that has waited so often before.
pub(super) fn again(slow_until: Millis, waits: u32, now: Millis) -> Millis {
    let most =
        FIRST_PAUSE.saturating_mul(1_i64.checked_shl(waits).unwrap_or(i64::MAX)).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    let pause = rand::random_range(most / 2..=most);
    // Spread as well where all wait for the same moment.
    let turn = slow_until.plus(rand::random_range(0..=FIRST_PAUSE.min(pause)));
    now.plus(pause.max(turn.0.saturating_sub(now.0)).min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_waited_often_waits_longer_up_to_what_a_queue_can() {
        let now = Millis(1_000_000);
        for (waits, range) in [(0, 2_500..=5_000), (1, 5_000..=10_000), (4, 40_000..=80_000), (9, 450_000..=900_000)] {
            assert!(range.contains(&(again(now, waits, now).0 - now.0)), "{waits}");
        }
        assert!((450_000..=900_000).contains(&(again(now, u32::MAX, now).0 - now.0)));
        assert!((60_000..=65_000).contains(&(again(now.plus(REST), 0, now).0 - now.0)));
    }
}
