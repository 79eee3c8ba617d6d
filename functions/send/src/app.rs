//! The use cases of the HTTP API, built once.

use shared::actions::{Challenger, Channels, Disconnector, Endpoints, Inboxes, Notifications, Sender, Tickets};
use shared::aws::allowances::Allowances;
use shared::aws::cap::Caps;
use shared::aws::clients::{self, Clients};
use shared::aws::deliveries::Deliveries;
use shared::aws::queue::EndpointQueues;
use shared::aws::schedule::Schedule;
use shared::aws::slow::SlowEndpoints;
use shared::aws::ticket::TicketRows;
use shared::kinds::KindSettings;
use shared::settings::{self, ChallengeSettings, EndpointsSettings, InvalidSetting, ScheduleSettings, TokenSettings};
use shared::tokens::Verifier;
use shared::transports::client::LazyClient;
use shared::wiring;

/// The use cases behind the routes.
pub(crate) struct App {
    pub(crate) verifier: Verifier,
    pub(crate) sender: Sender,
    pub(crate) notifications: Notifications,
    pub(crate) channels: Channels,
    pub(crate) inboxes: Inboxes,
    pub(crate) allowances: Allowances,
    pub(crate) disconnector: Disconnector,
    pub(crate) tickets: Tickets,
    pub(crate) endpoints: Endpoints,
}

impl App {
    /// Reads the environment and builds the clients.
    pub(crate) async fn load() -> Result<Self, lambda_http::Error> {
        let clients = clients::load().await?;
        let verifier = Verifier::load(&clients, TokenSettings::from_env()?);
        // While its keys are on their way, all else is built.
        let (verifier, built) = tokio::join!(verifier, async { Self::build(&clients) });
        Ok(built?(verifier?))
    }

    /// All but the verifier.
    fn build(clients: &Clients) -> Result<impl FnOnce(Verifier) -> Self + use<>, lambda_http::Error> {
        let (log, subscribers) = (wiring::log(clients)?, wiring::subscribers(clients)?);
        let management = wiring::management(clients)?;
        let once_table = settings::once_table()?;
        let ScheduleSettings { table, .. } = ScheduleSettings::from_env()?;
        let sender = wiring::sender(clients, log.clone(), management.clone())?;
        let notifications = Notifications::new(Schedule::new(clients, table.clone()));
        let allowances = wiring::allowances(clients)?;
        let channels = Channels::new(log.clone(), subscribers.clone(), allowances.clone());
        let inboxes = Inboxes::new(log.clone());
        let disconnector = Disconnector::new(subscribers.clone(), management);
        let tickets = Tickets::new(TicketRows::new(clients, once_table.clone()));
        let deliveries = Deliveries::new(clients, table);
        let queues = EndpointQueues::new(clients, EndpointsSettings::from_env()?);
        let (slow, caps) = (SlowEndpoints::new(clients, once_table.clone()), Caps::new(clients, once_table));
        let kinds = settings::kinds()?;
        let challenger = challenger(&kinds, &caps)?;
        let endpoints =
            Endpoints::new(subscribers, deliveries, log, queues, slow, caps, kinds).with_challenger(challenger);
        Ok(|verifier| Self {
            verifier,
            sender,
            notifications,
            channels,
            inboxes,
            allowances,
            disconnector,
            tickets,
            endpoints,
        })
    }
}

/// The challenger of webhooks' servers; `None` where `WebhookChallenge` is off.
fn challenger(kinds: &KindSettings, caps: &Caps) -> Result<Option<Challenger>, InvalidSetting> {
    let ChallengeSettings { is_on, name_server } = ChallengeSettings::from_env()?;
    let rules = kinds.urls.clone();
    let client = LazyClient::new(rules.clone(), name_server);
    Ok(is_on.then(|| Challenger::new(client, rules, caps.clone())))
}
