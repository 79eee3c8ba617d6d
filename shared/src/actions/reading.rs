//! Reading logs within a user's allowance.
//!
//! The cost of an answer is known when it has been read. So a user who has something left is read for, and charged before the answer
//! goes out; who has used up all of it is refused before anything is read. Up to [`FREE`] a request is free and costs no write.

use domain::allowance::FREE;
use domain::channel::Sub;
use domain::refusal::{Code, Refusal};
use domain::time::Millis;

use crate::aws::allowances::Allowances;
use crate::aws::log::{Log, Meter};
use crate::clock;
use crate::error::Error;

/// One request's reads.
#[must_use = "a user is charged when it ends"]
#[derive(Debug)]
pub struct Reading<'a> {
    allowances: &'a Allowances,
    sub: &'a Sub,
    paid_at: Millis,
    meter: Meter,
}

impl<'a> Reading<'a> {
    /// Begins to read for a user. It costs half a unit.
    ///
    /// # Errors
    /// `too_many_replays`, with the time after which there is something left.
    pub async fn begin(allowances: &'a Allowances, sub: &'a Sub) -> Result<Self, Error> {
        let paid_at = allowances.paid_at(sub).await?;
        match allowances.each.wait(paid_at, clock::now()) {
            Some(wait) => Err(used_up(wait).into()),
            None => Ok(Self { allowances, sub, paid_at, meter: Meter::counting() }),
        }
    }

    /// The same logs, read at the user's expense.
    #[must_use]
    pub fn of(&self, log: &Log) -> Log {
        log.metered(&self.meter)
    }

    /// Charges the user for what was read, and gives it.
    ///
    /// # Errors
    /// Those of reading; or the user could not be charged.
    pub async fn end<T>(self, read: Result<T, Error>) -> Result<T, Error> {
        let dear = self.meter.units() - FREE;
        if dear > 0.0 {
            self.allowances.charge(self.sub, dear, self.paid_at, clock::now()).await?;
        }
        read
    }
}

fn used_up(wait: i64) -> Refusal {
    let reason = format!(
        "this user's connections and polls have read as much from the logs as one user may in an hour; ask again in {wait} s"
    );
    Refusal::new(Code::TooManyReplays, reason).again_in(wait)
}
