//! VAPID tokens in the table *Once*: processes come and go, and a push service is to see one token an hour whichever pushes.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::time::Seconds;
use kinds::web_push::{SignedToken, VapidKeys};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::row::{VERSION, from_row, number, past_conflicts, text};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The time for which a token's row is kept, in seconds: a while longer than it is used.
const KEPT: i64 = 2 * 60 * 60;

/// The tokens.
#[derive(Clone, Debug)]
pub struct VapidTokens {
    client: Client,
    table: String,
}

#[derive(Deserialize)]
struct TokenRow {
    token: String,
    signed_at: Seconds,
}

impl VapidTokens {
    /// Those in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Has all processes use this token for a push service from now on, or gives the one that another process has signed, while
    /// it is fresh.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn share(&self, keys: &VapidKeys, origin: &str, ours: &SignedToken) -> Result<SignedToken, Error> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("key", text(row_key(keys, origin)))
            .update_expression("SET #token = :token, signed_at = :now, v = :v, expires_at = :expires_at")
            // A reserved word.
            .expression_attribute_names("#token", "token")
            .condition_expression("attribute_not_exists(signed_at) OR signed_at <= :stale OR signed_at > :ahead")
            .expression_attribute_values(":token", text(&ours.authorization))
            .expression_attribute_values(":now", number(ours.at))
            .expression_attribute_values(":ahead", number(ours.at + SignedToken::AHEAD))
            .expression_attribute_values(":stale", number(ours.at - SignedToken::REUSED))
            .expression_attribute_values(":v", number(VERSION))
            .expression_attribute_values(":expires_at", number(ours.at + KEPT))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(ours.clone()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    let known = from_row::<TokenRow>(failed.item().cloned().unwrap_or_default());
                    // A later release's is for its own processes.
                    Ok(known.inspect_err(Error::log).map_or_else(
                        |_| ours.clone(),
                        |TokenRow { token, signed_at }| SignedToken { at: signed_at, authorization: token },
                    ))
                }
                _ => Err(Error::call("UpdateItem of a VAPID token")(error)),
            },
        }
    }
}

/// `vapid#` and a hash of the push service and the public key: another pair of keys has tokens of its own.
fn row_key(keys: &VapidKeys, origin: &str) -> String {
    let hash = Sha256::new().chain_update(keys.public_key()).chain_update("\n").chain_update(origin).finalize();
    format!("vapid#{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
}
