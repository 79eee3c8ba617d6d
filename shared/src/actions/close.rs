//! Closing connections, and forgetting those that are gone.

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
    let closed = management.cut(&subscriber.connection.0).await?;
    if !closed {
        forget(subscribers, channel, subscriber).await?;
    }
    Ok(closed)
}

/// Forgets a connection that answered that it is gone, unless it is so young that its `$connect` may still be running.
pub(super) async fn forget(subscribers: &Subscribers, channel: &Channel, gone: &Subscriber) -> Result<(), Error> {
    if gone.is_young(clock::now()) { Ok(()) } else { subscribers.forget(channel, gone).await }
}
