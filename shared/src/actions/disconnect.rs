//! Cutting a user's live connections.

use domain::channel::{Channel, Sub};
use domain::claims::Claims;
use domain::segment::Range;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::close::close;
use crate::aws::management::Management;
use crate::aws::subscribers::Subscribers;
use crate::error::Error;

const AT_ONCE: usize = 16;

/// The number of subscribers that are read at a time.
const PAGE: i32 = 256;

/// Cuts connections.
#[derive(Clone, Debug)]
pub struct Disconnector {
    subscribers: Subscribers,
    management: Management,
}

impl Disconnector {
    /// Cuts the connections of these subscribers through this API.
    #[must_use]
    pub fn new(subscribers: Subscribers, management: Management) -> Self {
        Self { subscribers, management }
    }

    /// Cuts all live connections of a user, and counts them.
    ///
    /// # Errors
    /// `forbidden` to those who neither are the user nor may send to them.
    pub async fn disconnect(&self, by: &Claims, sub: &Sub) -> Result<usize, Error> {
        by.check_is_or_publishes_to(sub)?;
        let inbox = &Channel::inbox(sub);
        let mut count = 0;
        let mut range = Range::default();
        let mut unreadable = None;
        loop {
            let mut page = self.subscribers.page(inbox, &range, PAGE).await?;
            unreadable = unreadable.or(page.check_whole().err());
            // Others may read the inbox; their connections are not the user's.
            let own = page.subscribers.into_iter().filter(|subscriber| !subscriber.is_guest);
            let closed: Vec<bool> = stream::iter(own)
                .map(|subscriber| async move { close(&self.management, &self.subscribers, inbox, &subscriber).await })
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            count += closed.into_iter().filter(|is_closed| *is_closed).count();
            let Some(last) = page.last else { return unreadable.map_or(Ok(count), Err) };
            range = range.behind(&last);
        }
    }
}
