//! The table *Notifications*: one log a channel, and a row of the channel's own at seq 0.

mod append;
mod before;
mod head;
mod meter;
mod oldest;
mod read;
mod rows;
mod visible;

pub use append::{AppendResult, CompanionWrite, NewEntry, OptionalCompanionWrite, PATIENCE, SHORT_PATIENCE};
pub use head::ChannelHead;
pub use meter::Meter;
pub use rows::{LogRow, NotificationRow};

use aws_sdk_dynamodb::Client;
use domain::append::LogRules;

use crate::aws::clients::Clients;
use crate::settings::LogSettings;

/// All channels' logs.
#[derive(Clone, Debug)]
pub struct Log {
    client: Client,
    table: String,
    rules: LogRules,
    /// Counts what reads cost, where somebody wants to know.
    meter: Meter,
}

impl Log {
    /// The logs in the configured table.
    #[must_use]
    pub fn new(clients: &Clients, settings: LogSettings) -> Self {
        Self { client: clients.dynamodb(), table: settings.table, rules: settings.rules, meter: Meter::default() }
    }

    /// The same logs, whose reads this meter counts.
    #[must_use]
    pub fn metered(&self, meter: &Meter) -> Self {
        Self { meter: meter.clone(), ..self.clone() }
    }
}
