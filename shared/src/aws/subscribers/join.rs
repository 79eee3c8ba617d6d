//! A connection joins and leaves channels after it has opened.
//!
//! Both are two plain writes, since a transaction would cost twice as much, also at the channel's key, which takes 1,000 units a second.
//! To join, the home lists the channel before the channel has the row; to leave, the row goes before the home forgets it. A process
//! that dies between the two leaves a channel in the home that has no row: `$disconnect` passes over it, and the next `subscribe` mends it.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::channel::Channel;
use domain::claims::MAX_CHANNELS;

use super::{Connection, Subscribers};
use crate::aws::row::{Attributes, condition_failed, number, past_conflicts};
use crate::error::Error;

/// Two frames of one connection may run at once, and then meet at its home. So often does one of them look at it again.
const TRIES: usize = 8;

/// The result of joining or leaving a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinResult {
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
    /// The home is read once more after the row is written: who removed it meanwhile, or the channel from it, may have been there
    /// before the row.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn join(&self, connection: &Connection, channel: &Channel) -> Result<JoinResult, Error> {
        let mut has_written = false;
        for _ in 0..TRIES {
            let home = self.home(connection).await?;
            let refused = match &home {
                None => Some(JoinResult::Gone),
                Some(_) if *channel == connection.inbox => return Ok(JoinResult::Yes),
                Some(joined) if !lists(joined, channel) && joined.len() >= MAX_CHANNELS => Some(JoinResult::TooMany),
                Some(_) => None,
            };
            if let Some(refused) = refused {
                if has_written {
                    self.remove_row(connection, channel).await?;
                }
                return Ok(refused);
            }
            if home.is_some_and(|joined| lists(&joined, channel)) {
                if has_written || self.has_row(connection, channel).await? {
                    return Ok(JoinResult::Yes);
                }
            } else if has_written {
                // A later frame has left the channel, and its answer may be out: the client asks again if it still wants it.
                self.remove_row(connection, channel).await?;
                return Err(Error::Failed { call: "join a channel", cause: "it was left meanwhile".to_owned() });
            } else if !self.list(connection, channel).await? {
                continue;
            }
            self.put_row(connection, channel).await?;
            has_written = true;
        }
        Err(Error::Failed { call: "join a channel", cause: "the connection's home kept changing".to_owned() })
    }

    /// Leaves a channel; nothing happens where it was not joined.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn leave(&self, connection: &Connection, channel: &Channel) -> Result<JoinResult, Error> {
        let Some(joined) = self.home(connection).await? else {
            return Ok(JoinResult::Gone);
        };
        let is_listed = lists(&joined, channel);
        // Two frames that ran at once may have left a row that the home does not list.
        if is_listed || self.has_row(connection, channel).await? {
            self.remove_row(connection, channel).await?;
        }
        let has_left = !is_listed || self.unlist(connection, channel).await?;
        Ok(if has_left { JoinResult::Yes } else { JoinResult::Gone })
    }

    /// The channels in a connection's home, or none where there is no home.
    pub(super) async fn home(&self, connection: &Connection) -> Result<Option<Vec<String>>, Error> {
        let home = self.get(connection.key(&connection.inbox)).await?.filter(|home| !home.contains_key("gone"));
        Ok(home.map(|mut home| match home.remove("channels") {
            Some(AttributeValue::Ss(names)) => names,
            _ => Vec::new(),
        }))
    }

    async fn has_row(&self, connection: &Connection, channel: &Channel) -> Result<bool, Error> {
        Ok(self.get(connection.key(channel)).await?.is_some())
    }

    async fn get(&self, key: Attributes) -> Result<Option<Attributes>, Error> {
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true);
        Ok(request.send().await.map_err(Error::call("GetItem of a connection"))?.item)
    }

    /// Has the home list a channel; `false` if there is no home, or it lists as many as it may.
    async fn list(&self, connection: &Connection, channel: &Channel) -> Result<bool, Error> {
        let update = self
            .update_home(connection, channel)
            .update_expression("ADD channels :channel")
            .condition_expression(
                "attribute_exists(subscriber) AND attribute_not_exists(gone) \
                 AND (attribute_not_exists(channels) OR size(channels) < :most)",
            )
            .expression_attribute_values(":most", number(MAX_CHANNELS));
        changed(update).await
    }

    /// Has the home list a channel no more; `false` if there is no home.
    async fn unlist(&self, connection: &Connection, channel: &Channel) -> Result<bool, Error> {
        let update = self
            .update_home(connection, channel)
            .update_expression("DELETE channels :channel")
            .condition_expression("attribute_exists(subscriber) AND attribute_not_exists(gone)");
        changed(update).await
    }

    fn update_home(&self, connection: &Connection, channel: &Channel) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(connection.key(&connection.inbox)))
            .expression_attribute_values(":channel", AttributeValue::Ss(vec![channel.to_string()]))
    }

    async fn put_row(&self, connection: &Connection, channel: &Channel) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(connection.row(channel)));
        let put = past_conflicts(|| put.clone().send()).await;
        put.map(drop).map_err(Error::call("PutItem of a subscription"))
    }

    async fn remove_row(&self, connection: &Connection, channel: &Channel) -> Result<(), Error> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(connection.key(channel)));
        let deleted = past_conflicts(|| delete.clone().send()).await;
        deleted.map(drop).map_err(Error::call("DeleteItem of a subscription"))
    }
}

fn lists(joined: &[String], channel: &Channel) -> bool {
    joined.iter().any(|name| name == channel.as_str())
}

/// `false` if the condition failed.
async fn changed(update: UpdateItemFluentBuilder) -> Result<bool, Error> {
    match past_conflicts(|| update.clone().send()).await {
        Ok(_) => Ok(true),
        Err(error) if condition_failed(&error) => Ok(false),
        Err(error) => Err(Error::call("UpdateItem of a connection")(error)),
    }
}
