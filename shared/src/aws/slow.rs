//! Slow endpoints that were removed, in the table *Once*: an owner who removes one and adds it again has it in the slow lane still.

use aws_sdk_dynamodb::Client;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::channel::Sub;
use domain::time::{Millis, Seconds};
use kinds::Target;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::row::{VERSION, condition_failed, from_row, number, past_conflicts, text};
use super::subscribers::Endpoint;
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a removed endpoint is remembered as slow, in seconds: 30 days.
const REMEMBERED: i64 = 30 * 24 * 60 * 60;

/// The removed ones.
#[derive(Clone, Debug)]
pub struct SlowEndpoints {
    client: Client,
    table: String,
}

#[derive(Deserialize)]
struct SlowRow {
    slow_until: Option<Millis>,
    /// DynamoDB's TTL, which deletes late.
    expires_at: Seconds,
}

impl SlowEndpoints {
    /// Those in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Remembers an endpoint that was removed, if it was slow.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn remember(&self, removed: &Endpoint, now: Millis) -> Result<(), Error> {
        let Some(slow_until) = removed.speed.slow_until else { return Ok(()) };
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(&removed.owner, &removed.target)))
            .update_expression("SET slow_until = :until, v = :v, expires_at = :expires_at")
            .expression_attribute_values(":until", number(slow_until.0))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(now.seconds() + REMEMBERED));
        let written = past_conflicts(|| request.clone().send()).await;
        written.map(drop).map_err(Error::call("UpdateItem of a slow endpoint"))
    }

    /// Until when what an owner has removed is slow at least; `None` if it was not slow, is not remembered, or cannot be read.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn recall(&self, owner: &Sub, target: &Target, now: Millis) -> Result<Option<Millis>, Error> {
        let request = self.client.get_item().table_name(&self.table).key("key", text(row_key(owner, target)));
        let answer = request.consistent_read(true).send().await.map_err(Error::call("GetItem of a slow endpoint"))?;
        let row = answer.item.and_then(|row| from_row::<SlowRow>(row).inspect_err(Error::log).ok());
        Ok(row.filter(|row| now.seconds() < row.expires_at).and_then(|row| row.slow_until))
    }

    /// Forgets what was recalled, once the endpoint is there again: its own row says from then on whether it is slow.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn forget(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(&endpoint.owner, &endpoint.target)))
            // Not where TTL has deleted it: without `expires_at` a row would stay for ever.
            .update_expression("REMOVE slow_until")
            .condition_expression("attribute_exists(expires_at)");
        match past_conflicts(|| request.clone().send()).await {
            Err(error) if !condition_failed(&error) => Err(Error::call("UpdateItem of a slow endpoint")(error)),
            _ => Ok(()),
        }
    }
}

/// `slow#` and a hash: where an endpoint leads may be a secret.
fn row_key(owner: &Sub, target: &Target) -> String {
    let hash = Sha256::new().chain_update(owner.as_str()).chain_update("\n").chain_update(target.kind());
    let hash = hash.chain_update("\n").chain_update(target.place()).finalize();
    format!("slow#{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
}
