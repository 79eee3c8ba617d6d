//! Users' allowances in the table *Once*: until when what was read for each of them is paid for.

use aws_sdk_dynamodb::Client;
use domain::allowance::Allowance;
use domain::channel::Sub;
use domain::time::Millis;

use super::row::{VERSION, condition_failed, number, number_in, past_conflicts, text};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a row is kept that says nothing any more, in seconds.
const KEPT: i64 = 24 * 60 * 60;

/// So often a charge that meets others' looks again where the allowance stands.
const TRIES: usize = 4;

/// All users' allowances.
#[derive(Clone, Debug)]
pub struct Allowances {
    client: Client,
    table: Option<String>,
    /// The allowances of all users.
    pub each: Allowance,
}

impl Allowances {
    /// Those in the table of this name; without one, nobody is charged.
    #[must_use]
    pub fn new(clients: &Clients, table: Option<String>, each: Allowance) -> Self {
        Self { client: clients.dynamodb(), table, each }
    }

    /// When all that was read for a user is paid for. It costs half a unit, and may not know yet what was charged a moment ago: that
    /// counts with the next request.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn paid_at(&self, sub: &Sub) -> Result<Millis, Error> {
        let Some(table) = &self.table else { return Ok(Millis(0)) };
        let request = self.client.get_item().table_name(table).key("key", text(row_key(sub)));
        let answer = request.send().await.map_err(Error::call("GetItem of an allowance"))?;
        Ok(answer.item.and_then(|row| number_in(&row, "paid_at")).map_or(Millis(0), Millis))
    }

    /// Charges a user for so many read units. It may lead below nothing: the next requests wait for longer then.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; it may have been charged.
    pub async fn charge(&self, sub: &Sub, units: f64, paid_at: Millis, now: Millis) -> Result<(), Error> {
        let Some(table) = &self.table else { return Ok(()) };
        let time = self.each.time(units);
        let until = paid_at.max(now).plus(time);
        let mut owes = paid_at > now;
        for _ in 0..TRIES {
            let (value, condition, term) = if owes {
                ("paid_at + :term", "paid_at > :now", time)
            } else {
                (":term", "attribute_not_exists(paid_at) OR paid_at <= :now", now.plus(time).0)
            };
            let request = self
                .client
                .update_item()
                .table_name(table)
                .key("key", text(row_key(sub)))
                .update_expression(format!("SET paid_at = {value}, v = :v, expires_at = :expires_at"))
                .condition_expression(condition)
                .expression_attribute_values(":term", number(term))
                .expression_attribute_values(":now", number(now.0))
                .expression_attribute_values(":v", number(VERSION))
                .expression_attribute_values(":expires_at", number(until.seconds() + KEPT));
            match past_conflicts(|| request.clone().send()).await {
                Ok(_) => return Ok(()),
                // Another request of the user's was first.
                Err(error) if condition_failed(&error) => owes = !owes,
                Err(error) => return Err(Error::call("UpdateItem of an allowance")(error)),
            }
        }
        Err(Error::Failed { call: "charge an allowance", cause: "its row kept changing".to_owned() })
    }
}

fn row_key(sub: &Sub) -> String {
    format!("allowance#{sub}")
}
