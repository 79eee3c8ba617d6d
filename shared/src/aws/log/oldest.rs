//! The oldest row of a log that has not expired.
//!
//! A row's expiry never decreases with its seq, so the expired ones, which TTL may leave in the table for days, all come
//! first. They are bisected and not read: a cursor that lies far behind costs some units, not thousands.

use domain::channel::Channel;
use domain::seq::Seq;

use super::Log;
use crate::aws::row::number_in;
use crate::clock;
use crate::error::Error;

struct Bounds {
    seq: Seq,
    expires_at: i64,
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

    /// The first row that there is at a seq or behind it.
    async fn first_from(&self, channel: &Channel, from: Seq) -> Result<Option<Bounds>, Error> {
        let query = self.query(channel, from).limit(1).projection_expression("seq, expires_at");
        let answer = query.send().await.map_err(Error::call("Query of the oldest row"))?;
        let row = answer.items.and_then(|mut items| items.pop());
        Ok(row.and_then(|row| {
            Some(Bounds {
                seq: Seq(number_in(&row, "seq")?),
                expires_at: number_in(&row, "expires_at").unwrap_or(i64::MAX),
            })
        }))
    }
}
