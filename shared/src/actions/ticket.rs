//! Tickets: a token's rights for one WebSocket handshake, so that no token that lasts stands in a URL.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::claims::Claims;
use domain::refusal::{Code, Refusal};
use serde::Serialize;

use crate::aws::ticket::TicketRows;
use crate::clock;
use crate::error::Error;

/// How long a ticket lives, in seconds.
const LIFETIME: i64 = 30;

/// The random bytes of a ticket; nobody guesses one in its lifetime.
const BYTES: usize = 32;

/// Issues tickets and takes them in.
#[derive(Clone, Debug)]
pub struct Tickets {
    rows: TicketRows,
}

/// A ticket, for whoever asked.
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
    /// The token's channels could not be joined, or DynamoDB does not answer as it should.
    pub async fn issue(&self, claims: &Claims) -> Result<Ticket, Error> {
        // Told now, where the reason can be: a refused handshake has no body.
        claims.joined()?;
        let bytes: [u8; BYTES] = rand::random();
        let ticket = BASE64_URL_SAFE_NO_PAD.encode(bytes);
        self.rows.put(&ticket, claims, clock::now().seconds() + LIFETIME).await?;
        Ok(Ticket { ticket, expires_in: LIFETIME })
    }

    /// The rights of a ticket, which has none from then on.
    ///
    /// # Errors
    /// `invalid_token` if it was used before, has expired or never was one; `expired_token` if its token has ended.
    pub async fn take(&self, ticket: &str) -> Result<Claims, Error> {
        let now = clock::now();
        let claims = self.rows.take(ticket, now.seconds()).await?.ok_or_else(|| {
            Refusal::new(Code::InvalidToken, "this ticket was used, has expired, or never was one; get a new one")
        })?;
        claims.check_alive(now)?;
        Ok(claims)
    }
}
