//! Keeps a user's live connections to a number: beyond it the oldest are closed, and told why.

use std::time::Duration;

use domain::channel::Channel;
use domain::frame;
use domain::refusal::{Code, Refusal};
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::close::close;
use crate::aws::clients::Clients;
use crate::aws::management::{Management, Payload, To};
use crate::aws::subscribers::{Connection, Subscriber, Subscribers};
use crate::error::Error;

/// The most connections that one new connection closes: more are only there after the limit was lowered.
const MOST: usize = 16;

/// A new connection waits no longer until the old ones are closed.
const PATIENCE: Duration = Duration::from_secs(3);

/// Closes what a user has too many of.
#[derive(Debug)]
pub struct Crowd {
    subscribers: Subscribers,
    most: usize,
    clients: Clients,
    /// The management API's address.
    endpoint: String,
    /// Built with the first connection that is closed: most functions never close one.
    management: OnceCell<Management>,
}

impl Crowd {
    /// Leaves each user so many connections, and closes the others through the API at this address.
    #[must_use]
    pub fn new(subscribers: Subscribers, most: usize, clients: Clients, endpoint: String) -> Self {
        Self { subscribers, most, clients, endpoint, management: OnceCell::new() }
    }

    /// Closes a user's oldest connections beyond the limit, after a new one was written. Of several that open at once, the one that
    /// is written last sees all others. What cannot be closed now is closed for the next new connection.
    ///
    /// # Errors
    /// DynamoDB or the management API does not answer as it should.
    pub async fn thin(&self, newest: &Connection) -> Result<(), Error> {
        let mut own = self.subscribers.own(&newest.inbox).await?;
        let excess = own.len().saturating_sub(self.most).min(MOST);
        if excess == 0 {
            return Ok(());
        }
        own.retain(|one| one.connection != newest.id);
        own.sort_by_key(|one| one.connected_at);
        own.truncate(excess);
        let build = async || Management::new(&self.clients, self.endpoint.clone());
        let management = self.management.get_or_try_init(build).await?;
        let closing = stream::iter(own)
            .map(|oldest| async move { self.close(management, &newest.inbox, &oldest).await })
            .buffer_unordered(MOST)
            .fold(Ok(()), |all: Result<(), Error>, one| async move { all.and(one) });
        timeout(PATIENCE, closing).await.unwrap_or(Err(Error::TimeUp))
    }

    async fn close(&self, management: &Management, inbox: &Channel, oldest: &Subscriber) -> Result<(), Error> {
        let frame = Payload::new(frame::error(&too_many(self.most), None));
        // One that takes nothing is closed all the same, so one try is enough.
        let to = To { connection: &oldest.connection.0, is_known: true };
        let place = management.enter().await;
        management.post(place, to, &frame, None).await.map(drop).unwrap_or_else(|error| error.log());
        close(management, &self.subscribers, inbox, oldest).await.map(drop)
    }
}

fn too_many(most: usize) -> Refusal {
    let reason = format!(
        "this user has more than {most} live connections; this one is the oldest and is closed. Close what is not needed, or wait \
         some minutes before you connect again"
    );
    Refusal::new(Code::TooManyConnections, reason)
}
