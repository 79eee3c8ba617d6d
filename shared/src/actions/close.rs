//! Closing connections.

use domain::channel::Channel;

use crate::aws::management::Management;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::error::Error;

/// Closes a connection; `false` if it was closed before. `$disconnect` removes the rows of one that is closed now; one
/// that was gone has nobody else to do it.
pub(super) async fn close(
    management: &Management,
    subscribers: &Subscribers,
    channel: &Channel,
    subscriber: &Subscriber,
) -> Result<bool, Error> {
    let closed = management.disconnect(&subscriber.connection.0).await?;
    // Of one that is so young, `$connect` may still be running.
    if !closed && !subscriber.is_young(clock::now()) {
        subscribers.forget(channel, subscriber).await?;
    }
    Ok(closed)
}
