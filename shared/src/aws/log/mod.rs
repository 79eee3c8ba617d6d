//! The table *Notifications*: one log a channel, and a row of the channel's own at seq 0.

mod append;
mod head;
mod oldest;
mod read;
mod rows;

pub use append::{Appended, New, Note, OptionalNote};
pub use head::ChannelHead;
pub use rows::NotificationRow;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;

use crate::domain::append::Rules;
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
    pub fn new(config: &SdkConfig, settings: LogSettings) -> Self {
        Self { client: Client::new(config), table: settings.table, rules: settings.rules }
    }
}
