//! Waiting polls in the table *Once*: one row a user, with a lease for each place in which one of their polls waits. A lease ends by
//! itself where the poll's function has died.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::channel::Sub;
use domain::time::Millis;
use domain::waiting::{self, Lease, PLACES, Places};

use super::row::{Attributes, VERSION, condition_failed, number, past_conflicts, text};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time that a poll has left when its wait is over: to look once more, and to answer.
const MARGIN: Duration = Duration::from_secs(2);

/// The time for which a row is kept, in seconds from when a poll last waited: longer than any lease.
const KEPT: i64 = 60 * 60;

/// A place that looked free may be taken before it is written. So often another one is looked for.
const TRIES: usize = PLACES + 1;

/// The table.
#[derive(Clone, Debug)]
pub struct WaitingPolls {
    client: Client,
    table: String,
}

impl WaitingPolls {
    /// The waiting polls in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Takes one of the user's places for a poll that is about to wait this long.
    ///
    /// # Errors
    /// `too_many_polls`. DynamoDB does not answer as it should; a place may have been taken until its lease ends.
    pub async fn take(&self, sub: &Sub, wait: Duration, now: Millis) -> Result<Lease, Error> {
        let until = now.plus(i64::try_from((wait + MARGIN).as_millis()).unwrap_or(i64::MAX));
        // Most users have no other poll that waits, so that any place is free; where it is not, the row comes with the failure.
        let mut place = rand::random_range(0..PLACES);
        for _ in 0..TRIES {
            let lease = Lease { place, until, mark: rand::random() };
            let Some(row) = self.write(sub, &lease, now).await? else { return Ok(lease) };
            match waiting::look(leases(&row), now) {
                Places::Free(free) => place = free,
                Places::Full { until } => return Err(waiting::too_many(until, now).into()),
            }
        }
        Err(waiting::too_many(now, now).into())
    }

    /// Writes a lease into its place, if that is free; else gives the row.
    async fn write(&self, sub: &Sub, lease: &Lease, now: Millis) -> Result<Option<Attributes>, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(sub)))
            .update_expression("SET #place = :lease, v = :v, expires_at = :expires_at")
            // Its own lease is there where the answer to the first try got lost.
            .condition_expression("attribute_not_exists(#place) OR #place < :now OR #place = :lease")
            .expression_attribute_names("#place", attribute(lease.place))
            .expression_attribute_values(":lease", text(lease.to_string()))
            .expression_attribute_values(":now", text(waiting::end(now)))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(None),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Some(failed.item.clone().unwrap_or_default()))
                }
                _ => Err(Error::call("UpdateItem of a waiting poll")(error)),
            },
        }
    }

    /// Gives a place back. A lease that has ended may be another poll's by now, and is left alone.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; the lease then ends by itself.
    pub async fn give_back(&self, sub: &Sub, lease: &Lease) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(sub)))
            .update_expression("REMOVE #place")
            .condition_expression("#place = :lease")
            .expression_attribute_names("#place", attribute(lease.place))
            .expression_attribute_values(":lease", text(lease.to_string()));
        match past_conflicts(|| request.clone().send()).await {
            Err(error) if !condition_failed(&error) => Err(Error::call("UpdateItem of a poll that has waited")(error)),
            _ => Ok(()),
        }
    }
}

fn leases(row: &Attributes) -> [Option<&str>; PLACES] {
    std::array::from_fn(|place| row.get(&attribute(place))?.as_s().ok().map(String::as_str))
}

fn attribute(place: usize) -> String {
    format!("place_{place}")
}

/// A user's name has no `#`, so that no other row has this key.
fn row_key(sub: &Sub) -> String {
    format!("polls#{sub}")
}
