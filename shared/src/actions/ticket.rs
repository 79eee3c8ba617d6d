//! Tickets: a token's rights for one WebSocket handshake, so that no token that lasts stands in a URL.

use domain::claims::Claims;
use serde::Serialize;

use crate::aws::ticket::TicketRows;
use crate::clock;
use crate::error::Error;
use crate::tokens::{Verifier, no_ticket};

/// The lifetime of a ticket, in seconds.
const LIFETIME: i64 = 30;

/// Issues tickets and takes them in.
#[derive(Clone, Debug)]
pub struct Tickets {
    rows: TicketRows,
}

/// A ticket, for the caller.
#[derive(Serialize)]
pub struct Ticket {
    ticket: String,
    /// In seconds.
    expires_in: i64,
}

impl Tickets {
    /// The tickets in this table.
    #[must_use]
    pub fn new(rows: TicketRows) -> Self {
        Self { rows }
    }

    /// A ticket with the rights of a verified token.
    ///
    /// # Errors
    /// The token's channels could not be joined, the stack's secret cannot be used, or DynamoDB does not answer as it should.
    pub async fn issue(&self, claims: &Claims, verifier: &Verifier) -> Result<Ticket, Error> {
        // Told now, where the reason can be: a refused handshake has no body.
        claims.joined()?;
        let ticket = verifier.new_ticket().await?;
        self.rows.put(&ticket, claims, clock::now().seconds() + LIFETIME).await?;
        Ok(Ticket { ticket, expires_in: LIFETIME })
    }

    /// The rights of a ticket, which has none from then on. What the stack cannot have made costs no write.
    ///
    /// # Errors
    /// `invalid_token` if it was used before, has expired or never was one; `expired_token` if its token has ended.
    pub async fn take(&self, ticket: &str, verifier: &Verifier) -> Result<Claims, Error> {
        verifier.check_ticket(ticket).await?;
        let now = clock::now();
        let claims = self.rows.take(ticket, now.seconds()).await?.ok_or_else(no_ticket)?;
        claims.check_alive(now)?;
        Ok(claims)
    }
}
