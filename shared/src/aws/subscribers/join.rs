//! A connection joins and leaves channels after it has opened.

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use domain::channel::Channel;
use domain::claims::MAX_CHANNELS;

use super::{Connection, Subscribers};
use crate::aws::row::{built, cancellation_reasons, number, pause};
use crate::error::Error;

/// Two frames of one connection may run at once, and then meet at its home. So often does one of them try again.
const TRIES: usize = 8;

/// What came of joining or leaving a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// As asked, now or already.
    Yes,
    /// The connection has no home: it is closed, or has been forgotten.
    Gone,
    /// It has joined as many as it may.
    TooMany,
}

impl Subscribers {
    /// Joins a channel. Costs no write where it is joined already.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn join(&self, connection: &Connection, channel: &Channel) -> Result<Joined, Error> {
        for _ in 0..TRIES {
            let Some(joined) = self.joined(connection).await? else {
                return Ok(Joined::Gone);
            };
            if *channel == connection.inbox || joined.iter().any(|name| name == channel.as_str()) {
                return Ok(Joined::Yes);
            }
            if joined.len() >= MAX_CHANNELS {
                return Ok(Joined::TooMany);
            }
            if self.change(self.joining(connection, channel)?).await? {
                return Ok(Joined::Yes);
            }
        }
        Err(Error::Failed { call: "join a channel", cause: "the connection's home kept changing".to_owned() })
    }

    /// Leaves a channel; nothing happens where it was not joined.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn leave(&self, connection: &Connection, channel: &Channel) -> Result<Joined, Error> {
        for _ in 0..TRIES {
            let Some(joined) = self.joined(connection).await? else {
                return Ok(Joined::Gone);
            };
            if !joined.iter().any(|name| name == channel.as_str()) {
                return Ok(Joined::Yes);
            }
            if self.change(self.leaving(connection, channel)?).await? {
                return Ok(Joined::Yes);
            }
        }
        Err(Error::Failed { call: "leave a channel", cause: "the connection's home kept changing".to_owned() })
    }

    /// The channels in a connection's home, or none where there is no home.
    async fn joined(&self, connection: &Connection) -> Result<Option<Vec<String>>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(connection.key(&connection.inbox)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of a connection"))?;
        let home = answer.item.filter(|home| !home.contains_key("gone"));
        Ok(home.map(|mut home| match home.remove("channels") {
            Some(AttributeValue::Ss(names)) => names,
            _ => Vec::new(),
        }))
    }

    fn joining(&self, connection: &Connection, channel: &Channel) -> Result<Vec<TransactWriteItem>, Error> {
        let list = Update::builder()
            .table_name(&self.table)
            .set_key(Some(connection.key(&connection.inbox)))
            .update_expression("ADD channels :channel")
            .condition_expression(
                "attribute_exists(subscriber) AND attribute_not_exists(gone) \
                 AND (attribute_not_exists(channels) OR size(channels) < :most)",
            )
            .expression_attribute_values(":channel", AttributeValue::Ss(vec![channel.to_string()]))
            .expression_attribute_values(":most", number(MAX_CHANNELS))
            .build();
        let row = Put::builder().table_name(&self.table).set_item(Some(connection.row(channel))).build();
        Ok(vec![
            TransactWriteItem::builder().update(built(list)?).build(),
            TransactWriteItem::builder().put(built(row)?).build(),
        ])
    }

    fn leaving(&self, connection: &Connection, channel: &Channel) -> Result<Vec<TransactWriteItem>, Error> {
        let list = Update::builder()
            .table_name(&self.table)
            .set_key(Some(connection.key(&connection.inbox)))
            .update_expression("DELETE channels :channel")
            .condition_expression("attribute_exists(subscriber) AND attribute_not_exists(gone)")
            .expression_attribute_values(":channel", AttributeValue::Ss(vec![channel.to_string()]))
            .build();
        let row = Delete::builder().table_name(&self.table).set_key(Some(connection.key(channel))).build();
        Ok(vec![
            TransactWriteItem::builder().update(built(list)?).build(),
            TransactWriteItem::builder().delete(built(row)?).build(),
        ])
    }

    /// `false` if the home has changed meanwhile.
    async fn change(&self, items: Vec<TransactWriteItem>) -> Result<bool, Error> {
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(true),
            Err(error) if cancellation_reasons(&error).is_some() => {
                pause().await;
                Ok(false)
            }
            Err(error) => Err(Error::call("TransactWriteItems of a subscription")(error)),
        }
    }
}
