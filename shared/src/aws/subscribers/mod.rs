//! The table *Subscribers*: who a channel's notifications go to.
//!
//! A connection has one row in each channel that it joined. The one in its user's own channel is its *home*: it lists the
//! other channels, which is what `$disconnect` has to undo. The home lists a channel before that has the row and until it has it no
//! more, and who writes a row looks whether the home still lists it. A row that is left over all the same, since its writer died before
//! that look, belongs to a connection that is closed: the next push to it removes it, or its TTL.
//!
//! An endpoint has one row, behind those of all connections, at the place that its id says.

mod connection;
mod endpoint;
mod join;
mod list;
mod speed;

pub use connection::Connection;
pub use endpoint::Endpoint;
pub use join::JoinResult;
pub use list::{ListedEndpoint, Subscriber, SubscribersPage};

use aws_sdk_dynamodb::Client;

use crate::aws::clients::Clients;

/// All subscribers.
#[derive(Clone, Debug)]
pub struct Subscribers {
    client: Client,
    table: String,
}

impl Subscribers {
    /// The table of this name.
    #[must_use]
    pub fn new(clients: &Clients, table: String) -> Self {
        Self { client: clients.dynamodb(), table }
    }
}
