//! How a notification stands in the table.

use domain::append::Place;
use domain::channel::Channel;
use domain::content::{CollapseKey, Content};
use domain::item::Item;
use domain::replay::Row;
use domain::seq::Seq;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use super::append::New;
use crate::aws::row::VERSION;
use crate::error::Error;

/// A row of a log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationRow {
    channel: Channel,
    seq: Seq,
    v: u8,
    id: String,
    /// Milliseconds since 1970.
    sent_at: Millis,
    content: String,
    /// Seconds since 1970; DynamoDB's TTL.
    expires_at: i64,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    hides_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<CollapseKey>,
    /// Whether a generation starts here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    starts: bool,
}

impl NotificationRow {
    pub(super) fn new(channel: &Channel, new: &New, place: Place, starts: bool) -> Self {
        Self {
            channel: channel.clone(),
            seq: place.seq,
            v: VERSION,
            id: new.item.id.clone(),
            sent_at: new.item.sent_at,
            content: new.item.content.clone(),
            expires_at: place.expires_at,
            hides_at: new.hides_at,
            collapse_key: new.collapse_key.clone(),
            starts,
        }
    }

    /// The notification, but for its place.
    #[must_use]
    pub fn item(&self) -> Item {
        Item { id: self.id.clone(), sent_at: self.sent_at, content: self.content.clone() }
    }

    /// The notification in JSON, with its place.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.item().to_json(Some(self.seq))
    }

    /// What the notification says.
    ///
    /// # Errors
    /// The row is not as this code writes it.
    pub fn content(&self) -> Result<Content, Error> {
        serde_json::from_str(&self.content)
            .map_err(|error| Error::Failed { call: "read a row", cause: error.to_string() })
    }
}

impl Row for NotificationRow {
    fn seq(&self) -> Seq {
        self.seq
    }

    fn expires_at(&self) -> i64 {
        self.expires_at
    }

    fn hides_at(&self) -> Option<i64> {
        self.hides_at
    }

    fn starts_generation(&self) -> bool {
        self.starts
    }

    fn collapse_key(&self) -> Option<&CollapseKey> {
        self.collapse_key.as_ref()
    }
}
