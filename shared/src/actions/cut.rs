//! Cutting a user's live connections.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::aws::management::Management;
use crate::aws::subscribers::{Subscriber, Subscribers};
use crate::clock;
use crate::domain::channel::Channel;
use crate::domain::channel::Sub;
use crate::domain::claims::Claims;
use crate::error::Error;

const AT_ONCE: usize = 16;

/// Cuts connections.
#[derive(Clone, Debug)]
pub struct Cutter {
    subscribers: Subscribers,
    management: Management,
}

impl Cutter {
    /// Cuts the connections of these subscribers through this API.
    #[must_use]
    pub fn new(subscribers: Subscribers, management: Management) -> Self {
        Self { subscribers, management }
    }

    /// Cuts all live connections of a user, and counts them.
    ///
    /// # Errors
    /// `forbidden` to those who neither are the user nor may send to them.
    pub async fn cut(&self, by: &Claims, sub: &Sub) -> Result<usize, Error> {
        by.check_is_or_publishes_to(sub)?;
        let inbox = Channel::inbox(sub);
        let mut count = 0;
        let mut from = None;
        loop {
            let page = self.subscribers.page(&inbox, from).await?;
            let cuts: Vec<bool> = stream::iter(page.subscribers)
                .map(|subscriber| async { self.cut_one(&inbox, subscriber).await })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            count += cuts.into_iter().filter(|cut| *cut).count();
            from = page.next;
            if from.is_none() {
                return Ok(count);
            }
        }
    }

    /// `$disconnect` removes the rows of a connection that is cut; one that was gone before has nobody else to do it.
    async fn cut_one(&self, inbox: &Channel, subscriber: Subscriber) -> Result<bool, Error> {
        let cut = self.management.cut(&subscriber.connection.0).await?;
        if !cut && !subscriber.is_young(clock::now()) {
            self.subscribers.forget(inbox, &subscriber).await?;
        }
        Ok(cut)
    }
}
