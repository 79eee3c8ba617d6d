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
        let clients = clients::load().await?;
        let (log, subscribers) = (wiring::log(&clients)?, wiring::subscribers(&clients)?);
        let management = wiring::management(&clients)?;
        let once = settings::once_table()?;
        let ScheduleSettings { table, .. } = ScheduleSettings::from_env()?;
        Ok(Self {
            verifier: Verifier::load(&clients, TokenSettings::from_env()?).await?,
            sender: wiring::sender(&clients, log.clone(), management.clone())?,
            notifications: Notifications::new(Schedule::new(&clients, table.clone())),
            channels: Channels::new(log.clone(), subscribers.clone()),
            inboxes: Inboxes::new(log.clone()),
            cutter: Cutter::new(subscribers.clone(), management),
            tickets: Tickets::new(TicketRows::new(&clients, once.clone())),
            endpoints: Endpoints::new(
                subscribers,
                Deliveries::new(&clients, table),
                log,
                EndpointsQueue::new(&clients, settings::endpoints_queue()?),
                Caps::new(&clients, once),
                KindSettings::from_env()?,
            ),
        })
    }
}
