//! API Gateway.

use std::time::Duration;

use crate::assumed::{NEW_CONNECTIONS, POST, POST_SIGMA, REFUSAL};
use crate::bucket::Bucket;
use crate::case::Case;
use crate::dice::Dice;
use crate::pings::Pings;

/// The answer to a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Taken,
    Gone,
    Throttled,
}

/// Its quotas.
pub(crate) struct Gateway {
    account: Bucket,
    /// The WebSocket API's own limit, for what clients send.
    api: Bucket,
    connections: Bucket,
    pub(crate) pings: Pings,
    /// Until when nothing is left of the account's.
    empty: Duration,
}

impl Gateway {
    pub(crate) fn new(case: &Case) -> Self {
        Self {
            account: Bucket::new(case.quota.0, case.quota.1, case.others),
            api: Bucket::new(case.requests_per_second, case.requests_per_second, 0.0),
            connections: Bucket::new(NEW_CONNECTIONS, NEW_CONNECTIONS, 0.0),
            pings: Pings::new(case.pings),
            empty: case.empty,
        }
    }

    /// Posts to a connection, which may be there; with the time it takes.
    pub(crate) fn post(&mut self, is_there: bool, now: Duration, dice: &mut Dice) -> (Answer, Duration) {
        self.ping(now, dice);
        if now < self.empty || !self.account.take(now, dice) {
            return (Answer::Throttled, REFUSAL);
        }
        (if is_there { Answer::Taken } else { Answer::Gone }, dice.about(POST, POST_SIGMA))
    }

    /// Whether a client may connect. One that may not costs nothing of the other quotas.
    pub(crate) fn connects(&mut self, now: Duration, dice: &mut Dice) -> bool {
        self.connections.take(now, dice) && self.asks(now, dice)
    }

    /// Until now clients have pinged.
    fn ping(&mut self, now: Duration, dice: &mut Dice) {
        while let Some(at) = self.pings.next(now, dice) {
            let is_taken = self.asks(at, dice);
            self.pings.answered(is_taken);
        }
    }

    /// Whether a client's frame, or `$connect`, goes through.
    pub(crate) fn asks(&mut self, now: Duration, dice: &mut Dice) -> bool {
        self.api.take(now, dice) && self.account.take(now, dice)
    }

    /// Which part of others' requests was refused.
    pub(crate) fn others_refused(&self) -> f64 {
        self.account.others_refused()
    }

    /// Whether an answer to a client does.
    pub(crate) fn answers(&mut self, now: Duration, dice: &mut Dice) -> bool {
        self.account.take(now, dice)
    }
}
