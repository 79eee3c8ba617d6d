//! The place of a moment in a log, found by bisection: some twenty small reads, however long the log is.

use domain::append::Newest;
use domain::channel::Channel;
use domain::seq::Seq;
use domain::time::Millis;

use super::Log;
use super::read::newest_of;
use crate::error::Error;

impl Log {
    /// The newest seq whose notification was sent before a moment; 0 if there is none. Notifications are stored in the order in
    /// which they were sent, but for some that had to wait: next to those, the place is as good as their times.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn newest_before(&self, channel: &Channel, moment: Millis) -> Result<Seq, Error> {
        let Some(newest) = self.newest(channel).await? else { return Ok(Seq::ZERO) };
        if newest.sent_at < moment {
            return Ok(newest.seq);
        }
        // What is at `before` was sent before the moment, and what comes first from `end` on was not.
        let (mut before, mut end) = (Seq::ZERO, newest.seq);
        while before.next() < end {
            let middle = Seq(before.0 + (end.0 - before.0) / 2);
            match self.row_from(channel, middle).await? {
                Some(row) if row.sent_at < moment => before = row.seq,
                _ => end = middle,
            }
        }
        Ok(before)
    }

    /// The first row at a seq or behind it.
    async fn row_from(&self, channel: &Channel, from: Seq) -> Result<Option<Newest>, Error> {
        let query = self.query(channel, from).limit(1);
        let query = query.projection_expression("seq, sent_at, expires_at, readable_until");
        let answer = query.send().await.map_err(Error::call("Query of a moment's place"))?;
        let row = answer.items.and_then(|mut items| items.pop());
        row.map(|row| newest_of(&row, self.rules.retention)).transpose()
    }
}
