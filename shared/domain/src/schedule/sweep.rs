//! The bounds of the sweeper: the time that it looks ahead, and its treatment of late notifications.
//!
//! Because of three bounds, no notification is queued too late and few are queued twice. The writer of a row queues it
//! too, if it is due within [`QUEUED_AHEAD`]. The sweeper goes up to `SWEPT_AHEAD` and never reads the same time again,
//! so that is shorter by as much as passes between a writer's look at the clock and its row's being readable. And a
//! minute is closed only when no writer can add to it any more.

use crate::time::Millis;

/// The writer queues a notification itself that is due within this time; in milliseconds.
pub const QUEUED_AHEAD: i64 = 180_000;

/// The longest that a write may take, with the difference between clocks; in milliseconds. No function that looks at
/// the clock and then writes a row does so for longer than 29 s.
pub(super) const LONGEST_WRITE: i64 = 40_000;

/// The sweeper queues what is due within this time, in milliseconds: more than two of its periods, so that nothing is
/// late if it misses one.
pub(super) const SWEPT_AHEAD: i64 = QUEUED_AHEAD - LONGEST_WRITE;

/// The number of times that the queue gives a message to `deliver` before it goes to the dead-letter queue; the
/// template's `maxReceiveCount`.
pub const QUEUE_TRIES: usize = 5;

/// The longest time that a message stays in the queue before it is in the dead-letter queue, in milliseconds: longer
/// than [`QUEUE_TRIES`] of the template's `VisibilityTimeout`.
pub const QUEUE_PATIENCE: i64 = 7 * 60_000;

/// The number of times that a notification is queued before it has failed.
const ROUNDS: u8 = 3;

/// The error of the event's time, which is rounded, and the time that a start takes; in milliseconds. It is part of
/// what [`LONGEST_WRITE`] leaves for clocks that differ.
const START: i64 = 5_000;

/// The time that a sweep goes by: the clock's, unless that is ahead of when its schedule fired. A sweep that starts late hands on
/// less, which the next one makes good.
#[must_use]
pub fn swept_at(clock: Millis, fired_at: Option<Millis>) -> Millis {
    fired_at.map_or(clock, |fired_at| clock.min(fired_at.plus(START)))
}

/// Whether the writer of a row that is then due queues it as well.
#[must_use]
pub fn is_queued_by_writer(due: Millis, now: Millis) -> bool {
    due <= now.plus(QUEUED_AHEAD)
}

/// The treatment of a notification that is unfinished after its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    /// The queue may still deliver it.
    Wait,
    /// Queue it once more; the sweeper has then queued it so often, this time included.
    Again(u8),
    /// Give it up.
    GiveUp,
}

/// Decides about a notification that was last queued at `handed`, after so many further rounds.
#[must_use]
pub fn late(handed: Millis, rounds: u8, now: Millis) -> Late {
    // Each round is longer than the one before, for a queue that is behind.
    let patience = i64::from(rounds + 1) * QUEUE_PATIENCE;
    match rounds + 1 {
        _ if now < handed.plus(patience) => Late::Wait,
        ROUNDS.. => Late::GiveUp,
        next => Late::Again(next),
    }
}

/// Whether a notification would have been given up by now, had it been handed to the queue in each of its rounds.
#[must_use]
pub fn is_given_up(due: Millis, now: Millis) -> bool {
    let rounds = i64::from(ROUNDS);
    now >= due.plus(rounds * (rounds + 1) / 2 * QUEUE_PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::progress::Progress;

    const MINUTE: i64 = 60_000;

    /// Up to when a sweep at this time goes.
    fn begun_at(now: Millis) -> Millis {
        let mut progress = Progress::start(now);
        while progress.begin(now).is_some() {
            progress.places.clear();
        }
        progress.begun
    }

    #[test]
    fn after_three_rounds_it_has_failed() {
        let mut said = Vec::new();
        let (mut handed, mut rounds) = (Millis(0), 0);
        for minute in 0..60 {
            let now = Millis(minute * MINUTE);
            match late(handed, rounds, now) {
                Late::Wait => {}
                Late::Again(round) => {
                    (handed, rounds) = (now, round);
                    said.push((minute, "again"));
                }
                Late::GiveUp => {
                    said.push((minute, "failed"));
                    break;
                }
            }
        }
        assert_eq!(said, [(7, "again"), (21, "again"), (42, "failed")]);
        assert!(!is_given_up(Millis(0), Millis(42 * MINUTE - 1)) && is_given_up(Millis(0), Millis(42 * MINUTE)));
    }

    #[test]
    fn a_row_is_queued_by_its_writer_or_swept() {
        // The writer looks at its clock at 0, and its row is readable 40 s later; a sweep just before does not see it.
        let (written, due) = (Millis(0), Millis(QUEUED_AHEAD + 1));
        assert!(!is_queued_by_writer(due, written));
        assert!(begun_at(Millis(LONGEST_WRITE - 1)) <= due);
    }

    #[test]
    fn a_sweep_does_not_believe_a_clock_that_is_an_hour_ahead() {
        let fired_at = Some(Millis(20 * MINUTE));
        assert_eq!(swept_at(Millis(20 * MINUTE + 3_000), fired_at), Millis(20 * MINUTE + 3_000));
        let swept = swept_at(Millis(80 * MINUTE), fired_at);
        assert_eq!(swept, Millis(20 * MINUTE + START));
        // A row that is written right after it, and that its writer does not queue, is the next one's.
        let (written, due) = (Millis(20 * MINUTE + 1), Millis(20 * MINUTE + 1 + QUEUED_AHEAD + 1));
        assert!(!is_queued_by_writer(due, written) && begun_at(swept) <= due);
        assert_eq!(swept_at(Millis(10 * MINUTE), fired_at), Millis(10 * MINUTE), "it does what it can");
        assert_eq!(swept_at(Millis(10 * MINUTE), None), Millis(10 * MINUTE));
    }
}
