//! What the HTTP API is made of, built once.

use shared::actions::{Channels, Cutter, FanOut, Inboxes, Notifications, Scheduler, Sender, Tickets};
use shared::aws::clients;
use shared::aws::log::Log;
use shared::aws::management::Management;
use shared::aws::once::Onces;
use shared::aws::queue::DueQueue;
use shared::aws::schedule::Schedule;
use shared::aws::subscribers::Subscribers;
use shared::aws::ticket::TicketRows;
use shared::settings::{self, LogSettings, ScheduleSettings, TokenSettings};
use shared::tokens::Verifier;

/// The use cases behind the routes.
pub(crate) struct App {
    pub(crate) verifier: Verifier,
    pub(crate) sender: Sender,
    pub(crate) notifications: Notifications,
    pub(crate) channels: Channels,
    pub(crate) inboxes: Inboxes,
    pub(crate) cutter: Cutter,
    pub(crate) tickets: Tickets,
}

impl App {
    /// Reads the environment and builds the clients.
    pub(crate) async fn load() -> Result<Self, lambda_http::Error> {
        let config = clients::load().await;
        let subscribers = Subscribers::new(&config, settings::subscribers_table()?);
        let log = Log::new(&config, LogSettings::from_env()?);
        let management = Management::new(&config, settings::management_endpoint()?);
        let fan_out = FanOut::new(subscribers.clone(), management.clone());
        let onces = Onces::new(&config, settings::once_table()?);
        let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
        let schedule = Schedule::new(&config, table);
        let scheduler = Scheduler::new(schedule.clone(), DueQueue::new(&config, queue), onces.clone());
        Ok(Self {
            verifier: Verifier::load(&config, TokenSettings::from_env()?).await?,
            sender: Sender::new(log.clone(), onces, fan_out, scheduler),
            notifications: Notifications::new(schedule),
            channels: Channels::new(log.clone(), subscribers.clone()),
            inboxes: Inboxes::new(log),
            cutter: Cutter::new(subscribers, management),
            tickets: Tickets::new(TicketRows::new(&config, settings::once_table()?)),
        })
    }
}
