//! Long waits, in the table *Once*: how many attempts in the quick lane may wait at once for a receiver that has turned slow. Each
//! occupies one of its executions for as long. There are so many places; each is a row that says until when it is taken.

use aws_sdk_dynamodb::Client;
use domain::time::Millis;

use super::row::{VERSION, condition_failed, number, past_conflicts, text};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a place is taken, in milliseconds: the time that a receiver has, after the time in which it counted as quick.
const TAKEN: i64 = 15_000;

/// The time for which a row is kept, in seconds: nobody needs one that is over.
const KEPT: i64 = 60 * 60;

/// At how many places a wait looks. They are tried at random, so that one that is free is found while few are taken.
const TRIES: u32 = 3;

/// The places.
#[derive(Clone, Debug)]
pub struct LongWaits {
    client: Client,
    table: String,
    places: u32,
}

impl LongWaits {
    /// The places in the table of this name: an eighth of so many executions, so that most are free for all others.
    #[must_use]
    pub fn new(clients: &Clients, table: String, executions: u32) -> Self {
        Self { client: clients.dynamodb(), table, places: (executions / 8).max(1) }
    }

    /// Takes a place; `false` if there seems to be none. It is free again by itself.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn take(&self, now: Millis) -> Result<bool, Error> {
        let first = rand::random_range(0..self.places);
        for next in 0..TRIES.min(self.places) {
            if self.take_place((first + next) % self.places, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn take_place(&self, place: u32, now: Millis) -> Result<bool, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(format!("long-wait#{place}")))
            .update_expression("SET taken_until = :until, v = :v, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(taken_until) OR taken_until <= :now")
            .expression_attribute_values(":until", number(now.plus(TAKEN).0))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(Error::call("UpdateItem of a long wait")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::canned;
    use super::*;

    #[tokio::test]
    async fn a_place_is_taken_for_as_long_as_a_receiver_may_take() {
        let (clients, asked) = canned::answer(200, "{}").await;
        assert!(LongWaits::new(&clients, "Once".into(), 3).take(Millis(1_000)).await.unwrap());
        let asked: serde_json::Value = serde_json::from_str(&asked.await.unwrap()).unwrap();
        assert_eq!(asked["Key"]["key"]["S"], "long-wait#0", "an eighth of three executions, and at least one");
        assert_eq!(asked["ExpressionAttributeValues"][":until"]["N"], "16000");
    }

    #[tokio::test]
    async fn one_that_is_taken_is_left_to_its_owner() {
        let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"x"}"#;
        let (clients, _asked) = canned::answer(400, failed).await;
        assert!(!LongWaits::new(&clients, "Once".into(), 2).take(Millis(1_000)).await.unwrap());
    }
}
