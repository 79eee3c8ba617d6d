//! The table *Notifications*: one log a channel, and a row of the channel's own at seq 0.

mod append;
mod before;
mod head;
mod oldest;
mod read;
mod rows;
mod visible;

pub use append::{Appended, New, Note, OptionalNote, PATIENCE, SHORT_PATIENCE};
pub use head::ChannelHead;
pub use rows::{LogRow, NotificationRow};

use aws_sdk_dynamodb::Client;
use domain::append::Rules;

use crate::aws::clients::Clients;
use crate::settings::LogSettings;

/// All channels' logs.
#[derive(Clone, Debug)]
pub struct Log {
    client: Client,
    table: String,
    rules: Rules,
}

impl Log {
    /// The logs in the configured table.
    #[must_use]
    pub fn new(clients: &Clients, settings: LogSettings) -> Self {
        Self { client: clients.dynamodb(), table: settings.table, rules: settings.rules }
    }
}
