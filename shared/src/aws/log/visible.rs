//! Counting what a reader can see, without what it says.

use domain::channel::Channel;
use domain::content::CollapseKey;
use domain::replay::Sight;
use domain::seq::Seq;
use domain::time::Seconds;
use serde::Deserialize;

use super::Log;
use super::rows::Life;
use crate::aws::row::{from_row, number, text};
use crate::clock;
use crate::error::Error;

/// The most rows that are looked at.
const MOST: usize = 1_000;

/// In so many answers of DynamoDB at most, of 1 MB each.
const ANSWERS: usize = 2;

#[derive(Deserialize)]
struct VisibilityFields {
    #[serde(default)]
    hides_at: Option<Seconds>,
    #[serde(default)]
    collapse_key: Option<CollapseKey>,
    #[serde(default)]
    closes: bool,
}

impl Log {
    /// The number of notifications that a reader sees behind a seq, up to another one: among the newest 1,000 rows there, or 2 MB.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn count_visible(&self, channel: &Channel, after: Seq, to: Seq) -> Result<u64, Error> {
        let now = clock::now().seconds();
        let mut sight = Sight::new(now);
        let (mut looked_at, mut visible, mut from, mut answers) = (0, 0, None, 0);
        loop {
            answers += 1;
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("channel = :channel AND seq BETWEEN :from AND :to")
                .projection_expression("v, expires_at, readable_until, hides_at, collapse_key, closes")
                .expression_attribute_values(":channel", text(channel.as_str()))
                .expression_attribute_values(":from", number(after.next()))
                .expression_attribute_values(":to", number(to))
                .consistent_read(true)
                .set_return_consumed_capacity(self.meter.asks())
                .scan_index_forward(false)
                .set_exclusive_start_key(from)
                .limit(i32::try_from(MOST - looked_at).unwrap_or(i32::MAX));
            let answer = query.send().await.map_err(Error::call("Query that counts what is unread"))?;
            self.meter.add(answer.consumed_capacity());
            for row in answer.items.unwrap_or_default() {
                looked_at += 1;
                // Readers see the place of a row that cannot be read.
                let lives = Life::of(&row).is_none_or(|life| life.expires_at > now);
                let is_visible = from_row::<VisibilityFields>(row).map_or(true, |row| {
                    let shows = sight.shows(row.collapse_key.as_ref(), row.hides_at);
                    shows && lives && !row.closes
                });
                visible += u64::from(is_visible);
            }
            from = answer.last_evaluated_key;
            if from.is_none() || looked_at >= MOST || answers == ANSWERS {
                return Ok(visible);
            }
        }
    }
}
