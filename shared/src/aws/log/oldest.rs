//! The oldest row of a log that has not expired.
//!
//! Within a generation a row's expiry never decreases with its seq, so the expired ones, which stay in the table for days, come
//! first. They are bisected and not read: a cursor that lies far behind costs some units, not thousands. Rows of an older
//! generation may outlive those of a newer one (after `RetentionDays` was lowered), so across a start the rows are read.

use domain::channel::Channel;
use domain::seq::Seq;
use domain::time::Seconds;

use super::Log;
use super::rows::Life;
use crate::aws::row::{number, number_in};
use crate::clock;
use crate::error::Error;

struct Bounds {
    seq: Seq,
    expires_at: Seconds,
}

impl Log {
    /// The seq of the oldest row behind `after` that has not expired.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn oldest_after(&self, channel: &Channel, after: Seq) -> Result<Option<Seq>, Error> {
        let now = clock::now().seconds();
        let Some(first) = self.first_from(channel, after.next()).await? else { return Ok(None) };
        if first.expires_at > now {
            return Ok(Some(first.seq));
        }
        let head = self.head_to_read(channel).await?.head;
        if head.generation.is_some_and(|generation| generation.start > first.seq) {
            return self.first_living(channel, first.seq.next(), now).await;
        }
        let newest = self.newest(channel).await?;
        let Some(newest) = newest.filter(|newest| newest.expires_at > now) else { return Ok(None) };
        // All up to `expired` have expired, `oldest` has not, and from `end` up to it there is none.
        let (mut expired, mut end, mut oldest) = (first.seq, newest.seq, newest.seq);
        while expired.next() < end {
            let middle = Seq(expired.0 + (end.0 - expired.0) / 2);
            let Some(row) = self.first_from(channel, middle).await? else { return Ok(None) };
            if row.expires_at > now {
                (end, oldest) = (middle, row.seq);
            } else {
                expired = row.seq;
            }
        }
        Ok(Some(oldest))
    }

    /// The first notification at a seq or behind it that has not expired, found by reading all before it.
    async fn first_living(&self, channel: &Channel, from: Seq, now: Seconds) -> Result<Option<Seq>, Error> {
        let mut start = None;
        loop {
            let query = self
                .query(channel, from)
                .filter_expression(
                    "expires_at > :now AND (attribute_not_exists(readable_until) OR readable_until > :now) \
                     AND attribute_not_exists(closes)",
                )
                .expression_attribute_values(":now", number(now))
                .projection_expression("seq")
                .set_exclusive_start_key(start);
            let answer = query.send().await.map_err(Error::call("Query of the oldest row"))?;
            self.meter.add(answer.consumed_capacity());
            let first = answer.items.unwrap_or_default().first().and_then(|row| number_in(row, "seq"));
            start = answer.last_evaluated_key;
            if first.is_some() || start.is_none() {
                return Ok(first.map(Seq));
            }
        }
    }

    /// The first row that there is at a seq or behind it.
    async fn first_from(&self, channel: &Channel, from: Seq) -> Result<Option<Bounds>, Error> {
        let query = self.query(channel, from).limit(1).projection_expression("seq, expires_at, readable_until");
        let answer = query.send().await.map_err(Error::call("Query of the oldest row"))?;
        self.meter.add(answer.consumed_capacity());
        let row = answer.items.and_then(|mut items| items.pop());
        Ok(row.and_then(|row| {
            let expires_at = Life::of(&row).map_or(Seconds::NEVER, |life| life.expires_at);
            Some(Bounds { seq: Seq(number_in(&row, "seq")?), expires_at })
        }))
    }
}
