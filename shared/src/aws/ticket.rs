//! Tickets in the table *Once*: there until they are used. The table holds a hash, so that a reader of the table can use none.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::claims::Claims;
use domain::time::Seconds;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::row::{VERSION, from_row, number, text, to_row};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The table.
#[derive(Clone, Debug)]
pub struct TicketRows {
    client: Client,
    table: String,
}

#[derive(Serialize, Deserialize)]
struct TicketRow {
    key: String,
    v: u8,
    claims: Claims,
    /// DynamoDB's TTL, which deletes late.
    expires_at: Seconds,
}

impl TicketRows {
    /// The tickets in the table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }

    /// Keeps a ticket until it is used.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn put(&self, ticket: &str, claims: &Claims, expires_at: Seconds) -> Result<(), Error> {
        let row = TicketRow { key: row_key(ticket), v: VERSION, claims: claims.clone(), expires_at };
        let request = self.client.put_item().table_name(&self.table).set_item(Some(to_row(&row)?));
        request.send().await.map(drop).map_err(Error::call("PutItem of a ticket"))
    }

    /// Takes a ticket away; `None` if there is none that lives. Of two who use one at once, one gets it.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should; the ticket may then be gone.
    pub async fn take(&self, ticket: &str, now: Seconds) -> Result<Option<Claims>, Error> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("key", text(row_key(ticket)))
            .condition_expression("expires_at > :now")
            .expression_attribute_values(":now", number(now))
            .return_values(ReturnValue::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Some(from_row::<TicketRow>(answer.attributes.unwrap_or_default())?.claims)),
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::call("DeleteItem of a ticket")(error)),
        }
    }
}

fn row_key(ticket: &str) -> String {
    format!("ticket#{}", BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(ticket)))
}
