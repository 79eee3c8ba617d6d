//! What the HTTP API is made of, built once.

use shared::actions::{Channels, Cutter, Endpoints, Inboxes, Notifications, Sender, Tickets};
use shared::aws::cap::Caps;
use shared::aws::clients;
use shared::aws::deliveries::Deliveries;
use shared::aws::queue::EndpointsQueue;
use shared::aws::schedule::Schedule;
use shared::aws::ticket::TicketRows;
use shared::settings::{self, KindSettings, ScheduleSettings, TokenSettings};
use shared::tokens::Verifier;
use shared::wiring;

/// The use cases behind the routes.
pub(crate) struct App {
    pub(crate) verifier: Verifier,
    pub(crate) sender: Sender,
    pub(crate) notifications: Notifications,
    pub(crate) channels: Channels,
    pub(crate) inboxes: Inboxes,
    pub(crate) cutter: Cutter,
    pub(crate) tickets: Tickets,
    pub(crate) endpoints: Endpoints,
}

impl App {
    /// Reads the environment and builds the clients.
    pub(crate) async fn load() -> Result<Self, lambda_http::Error> {
        let config = clients::load().await?;
        let (log, subscribers) = (wiring::log(&config)?, wiring::subscribers(&config)?);
        let once = settings::once_table()?;
        let ScheduleSettings { table, .. } = ScheduleSettings::from_env()?;
        Ok(Self {
            verifier: Verifier::load(&config, TokenSettings::from_env()?).await?,
            sender: wiring::sender(&config, log.clone())?,
            notifications: Notifications::new(Schedule::new(&config, table.clone())),
            channels: Channels::new(log.clone(), subscribers.clone()),
            inboxes: Inboxes::new(log.clone()),
            cutter: Cutter::new(subscribers.clone(), wiring::management(&config)?),
            tickets: Tickets::new(TicketRows::new(&config, once.clone())),
            endpoints: Endpoints::new(
                subscribers,
                Deliveries::new(&config, table),
                log,
                EndpointsQueue::new(&config, settings::endpoints_queue()?),
                Caps::new(&config, once),
                KindSettings::from_env()?,
            ),
        })
    }
}
