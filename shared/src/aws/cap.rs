//! Caps in the table *Once*: how many text messages and mails have gone out on a day, in all and to each user's endpoints, how often a
//! user had things sent again, and how many challenges of theirs have failed, so that a mistake costs no more than one day's
//! allowance, and one user's no other user's.
//!
//! A cap is never refunded: after a timeout nobody knows whether the message went out, and a cap that counts less than was sent would be
//! no bound. For the same reason a write that may have been counted is counted again when it is
//! repeated. So the cap is a bound, and what goes out may be a little less.

use aws_sdk_dynamodb::Client;
use domain::channel::Sub;
use domain::time::Millis;
use kinds::Charge;

use super::row::{VERSION, condition_failed, number, past_conflicts, text};
use crate::aws::clients::Clients;
use crate::error::Error;

const DAY: i64 = 24 * 60 * 60;

/// The time for which a day's count is kept, in seconds from when it last grew: so that an operator can look at it on the day after.
const KEPT: i64 = 2 * DAY;

/// A thing that is counted for each day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapScope<'a> {
    /// Messages of a kind to all users together.
    All(&'a str),
    /// Messages of a kind to one user.
    Of(&'a str, &'a Sub),
    /// One user's replays.
    Replays(&'a Sub),
    /// One user's challenges to webhooks that have failed.
    Challenges(&'a Sub),
}

/// Whether one more may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapAllowance {
    /// It may, and is counted.
    Taken,
    /// The day has had its number.
    Reached {
        /// When the next day begins, in UTC.
        until: Millis,
    },
}

/// The counts.
#[derive(Clone, Debug)]
pub struct Caps {
    client: Client,
    table: String,
}

impl Caps {
    /// The counts in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Takes one of today's `cap`, before it is used. With a cap of 0 there is none on any day.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; one may have been taken.
    pub async fn take(&self, capped: CapScope<'_>, cap: u32, now: Millis) -> Result<CapAllowance, Error> {
        self.take_some(capped, 1, cap, now).await
    }

    /// Takes so many of today's `cap` together, or none.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; they may have been taken.
    pub async fn take_some(
        &self,
        capped: CapScope<'_>,
        count: u32,
        cap: u32,
        now: Millis,
    ) -> Result<CapAllowance, Error> {
        let reached = CapAllowance::Reached { until: next_midnight(now) };
        let Some(most_before) = cap.checked_sub(count) else { return Ok(reached) };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(capped, now)))
            .update_expression("ADD used :count SET v = :v, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(used) OR used <= :most_before")
            .expression_attribute_values(":count", number(count))
            .expression_attribute_values(":most_before", number(most_before))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(now.seconds() + KEPT));
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(CapAllowance::Taken),
            Err(error) if condition_failed(&error) => Ok(reached),
            Err(error) => Err(Error::call("UpdateItem of a cap")(error)),
        }
    }

    /// Takes so many of what a user is sent today. The user's cap comes first: what it holds back takes nothing from all others.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; they may have been taken.
    pub async fn take_paid(&self, charge: Charge, user: &Sub, now: Millis) -> Result<CapAllowance, Error> {
        let Charge { kind, count, cap } = charge;
        match self.take_some(CapScope::Of(kind, user), count, cap.each, now).await? {
            CapAllowance::Taken => self.take_some(CapScope::All(kind), count, cap.all, now).await,
            reached => Ok(reached),
        }
    }

    /// Gives back one that was taken at `taken`, and has turned out not to count.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; it may have been given back.
    pub async fn give_back(&self, capped: CapScope<'_>, taken: Millis) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(capped, taken)))
            .update_expression("ADD used :less")
            // A row that has expired meanwhile is not made anew.
            .condition_expression("used > :none")
            .expression_attribute_values(":less", number(-1))
            .expression_attribute_values(":none", number(0));
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(()),
            Err(error) if condition_failed(&error) => Ok(()),
            Err(error) => Err(Error::call("UpdateItem of a cap")(error)),
        }
    }
}

/// A row a kind and day: `cap#sms#2026-11-22`, `cap#sms#2026-11-22#alice`.
fn row_key(capped: CapScope<'_>, now: Millis) -> String {
    let moment = now.rfc3339();
    let day = moment.split_once('T').map_or(moment.as_str(), |(day, _)| day);
    match capped {
        CapScope::All(kind) => format!("cap#{kind}#{day}"),
        CapScope::Of(kind, sub) => format!("cap#{kind}#{day}#{sub}"),
        CapScope::Replays(sub) => format!("cap#replays#{day}#{sub}"),
        CapScope::Challenges(sub) => format!("cap#challenges#{day}#{sub}"),
    }
}

fn next_midnight(now: Millis) -> Millis {
    Millis((now.seconds().0.div_euclid(DAY) + 1) * DAY * 1000)
}

#[cfg(test)]
mod tests {
    use super::super::canned;
    use super::*;

    fn at(text: &str) -> Millis {
        Millis::from_rfc3339(text).unwrap()
    }

    #[test]
    fn a_day_is_one_of_utc() {
        for (now, key, until) in [
            ("2026-11-22T00:00:00Z", "cap#sms#2026-11-22", "2026-11-23T00:00:00Z"),
            ("2026-11-22T23:59:59.999Z", "cap#sms#2026-11-22", "2026-11-23T00:00:00Z"),
            ("2026-12-31T23:00:00-02:00", "cap#sms#2027-01-01", "2027-01-02T00:00:00Z"),
        ] {
            assert_eq!(row_key(CapScope::All("sms"), at(now)), key, "{now}");
            assert_eq!(next_midnight(at(now)), at(until), "{now}");
        }
        assert_eq!(row_key(CapScope::All("email"), at("2028-02-29T12:00:00Z")), "cap#email#2028-02-29");
        let alice = Sub::parse("alice").unwrap();
        assert_eq!(row_key(CapScope::Of("sms", &alice), at("2028-02-29T12:00:00Z")), "cap#sms#2028-02-29#alice");
        assert_eq!(row_key(CapScope::Of("email", &alice), at("2028-02-29T12:00:00Z")), "cap#email#2028-02-29#alice");
        assert_eq!(row_key(CapScope::Replays(&alice), at("2028-02-29T12:00:00Z")), "cap#replays#2028-02-29#alice");
        let key = row_key(CapScope::Challenges(&alice), at("2028-02-29T12:00:00Z"));
        assert_eq!(key, "cap#challenges#2028-02-29#alice");
    }

    #[tokio::test]
    async fn the_cap_is_in_the_condition_of_the_write() {
        let (clients, asked) = canned::answer(200, "{}").await;
        let now = at("2026-11-22T10:00:00Z");
        let caps = Caps::new(&clients, "Once".into());
        assert_eq!(caps.take_some(CapScope::All("sms"), 3, 7, now).await.unwrap(), CapAllowance::Taken);
        let asked: serde_json::Value = serde_json::from_str(&asked.await.unwrap()).unwrap();
        assert_eq!(asked["Key"]["key"]["S"], "cap#sms#2026-11-22");
        assert_eq!(asked["ExpressionAttributeValues"][":count"]["N"], "3");
        assert_eq!(asked["ExpressionAttributeValues"][":most_before"]["N"], "4");
        assert_eq!(asked["ExpressionAttributeValues"][":expires_at"]["N"], (now.seconds() + 172_800).to_string());

        let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"x"}"#;
        let (clients, _asked) = canned::answer(400, failed).await;
        let reached = Caps::new(&clients, "Once".into()).take(CapScope::All("sms"), 7, now).await.unwrap();
        assert_eq!(reached, CapAllowance::Reached { until: at("2026-11-23T00:00:00Z") });
    }

    #[tokio::test]
    async fn more_than_a_cap_asks_nobody() {
        let (clients, asked) = canned::answer(200, "{}").await;
        asked.abort();
        let now = at("2026-11-22T10:00:00Z");
        let caps = Caps::new(&clients, "Once".into());
        let reached = CapAllowance::Reached { until: at("2026-11-23T00:00:00Z") };
        assert_eq!(caps.take(CapScope::All("email"), 0, now).await.unwrap(), reached);
        assert_eq!(caps.take_some(CapScope::All("sms"), 8, 7, now).await.unwrap(), reached);
    }
}
