//! The row of a notification in the table.

use domain::append::{KEPT_EXPIRED, LogPlace, Newest, Plan};
use domain::channel::Channel;
use domain::content::{CollapseKey, Content, Priority};
use domain::item::{self, Item};
use domain::replay::Row;
use domain::seq::Seq;
use domain::time::{Millis, Seconds};
use serde::{Deserialize, Serialize};

use super::append::NewEntry;
use crate::aws::row::{Attributes, VERSION, from_row, number_in};
use crate::error::Error;

/// The length of an item in JSON without its content, in bytes.
const ENVELOPE: usize = 110;

/// A place in a log, as far as this release can read its row.
#[derive(Clone, Debug, PartialEq)]
pub enum LogRow {
    /// A notification, or what closes a generation.
    Read(NotificationRow),
    /// A row of a later release, or a spoiled one. It has its place, and keeps nobody from the others.
    Unreadable {
        /// Its place.
        seq: Seq,
        /// When it expires; without a TTL never.
        expires_at: Seconds,
    },
}

impl LogRow {
    /// Reads a row. It logs a row that it cannot read.
    ///
    /// # Errors
    /// It does not even have a place.
    pub(super) fn from_row(row: Attributes) -> Result<Self, Error> {
        let (seq, expires_at) =
            (number_in(&row, "seq").map(Seq), Life::of(&row).map_or(Seconds::NEVER, |life| life.expires_at));
        match (from_row(row), seq) {
            (Ok(row), _) => Ok(Self::Read(row)),
            (Err(error), Some(seq)) => {
                error.log();
                Ok(Self::Unreadable { seq, expires_at })
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The JSON for a reader: the notification with its place, or the place alone.
    #[must_use]
    pub fn to_json(&self) -> String {
        match self {
            Self::Read(row) => row.to_json(),
            Self::Unreadable { seq, .. } => format!("{{\"seq\":{seq},\"unreadable\":true}}"),
        }
    }

    /// The priority. A row that cannot be read counts as `high`.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self {
            Self::Read(row) => item::priority(&row.content),
            Self::Unreadable { .. } => Priority::High,
        }
    }

    /// About how long [`Self::to_json`] is, in bytes.
    pub(super) fn size(&self) -> usize {
        self.read().map_or(0, |row| row.content.len()) + ENVELOPE
    }

    fn read(&self) -> Option<&NotificationRow> {
        if let Self::Read(row) = self { Some(row) } else { None }
    }
}

impl Row for LogRow {
    fn seq(&self) -> Seq {
        match self {
            Self::Read(row) => row.seq,
            Self::Unreadable { seq, .. } => *seq,
        }
    }

    fn expires_at(&self) -> Seconds {
        match self {
            Self::Read(row) => row.expires_at(),
            Self::Unreadable { expires_at, .. } => *expires_at,
        }
    }

    fn kept_until(&self) -> Seconds {
        match self {
            Self::Read(row) => row.life().kept_until,
            Self::Unreadable { expires_at, .. } => *expires_at,
        }
    }

    fn hides_at(&self) -> Option<Seconds> {
        self.read()?.hides_at
    }

    fn starts_generation(&self) -> bool {
        self.read().is_some_and(|row| row.starts)
    }

    fn follows(&self) -> Option<Seq> {
        self.read()?.follows
    }

    fn closes_generation(&self) -> bool {
        self.read().is_some_and(|row| row.closes)
    }

    fn collapse_key(&self) -> Option<&CollapseKey> {
        self.read()?.collapse_key.as_ref()
    }
}

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
    /// DynamoDB's TTL.
    expires_at: Seconds,
    /// When it expires for readers, in seconds since 1970: some days before DynamoDB may delete it.
    #[serde(skip_serializing_if = "Option::is_none")]
    readable_until: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hides_at: Option<Seconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<CollapseKey>,
    /// Whether a generation starts here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    starts: bool,
    /// With `starts`: the last notification before, if there was none between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<Seq>,
    /// Whether this row closes a generation, and is no notification.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    closes: bool,
    /// The newest seq, up to this one, that has a `ttl` or a collapse key; 0 if there is none. Rows of the first releases do not
    /// say it.
    fleeting: Option<Seq>,
}

/// For how long a row is there, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// When it expires for readers.
    pub(super) expires_at: Seconds,
    /// Until when DynamoDB deletes neither it nor any row above it.
    pub(super) kept_until: Seconds,
}

impl Life {
    fn new(ttl: Seconds, readable_until: Option<Seconds>) -> Self {
        let kept_until = readable_until.map_or(ttl, |until| until + KEPT_EXPIRED);
        Self { expires_at: readable_until.unwrap_or(ttl).min(ttl), kept_until }
    }

    /// The life of a row in whatever layout; `None` if it has no TTL.
    pub(super) fn of(row: &Attributes) -> Option<Self> {
        Some(Self::new(number_in(row, "expires_at")?, number_in(row, "readable_until")))
    }
}

impl NotificationRow {
    /// When it expires, in seconds since 1970.
    #[must_use]
    pub fn expires_at(&self) -> Seconds {
        self.life().expires_at
    }

    fn life(&self) -> Life {
        Life::new(self.expires_at, self.readable_until)
    }

    /// From when readers no longer see it, in seconds since 1970.
    #[must_use]
    pub fn hides_at(&self) -> Option<Seconds> {
        self.hides_at
    }

    /// A notification where the plan has its place, in a log whose newest was `newest`.
    pub(super) fn new(channel: &Channel, entry: &NewEntry, plan: Plan, newest: Option<Newest>) -> Self {
        let LogPlace { seq, expires_at } = plan.place();
        let (starts, follows) = match plan {
            Plan::Start(_, _, before) => (true, before.last),
            Plan::Plain(_) | Plan::Checked(_) => (false, None),
        };
        let is_fleeting = entry.hides_at.is_some() || entry.collapse_key.is_some();
        let fleeting = if is_fleeting { seq } else { newest.map(|newest| newest.fleeting).unwrap_or_default() };
        Self {
            channel: channel.clone(),
            seq,
            v: VERSION,
            id: entry.item.id.clone(),
            sent_at: entry.item.sent_at,
            content: entry.item.content.clone(),
            expires_at: expires_at + KEPT_EXPIRED,
            readable_until: Some(expires_at),
            hides_at: entry.hides_at,
            collapse_key: entry.collapse_key.clone(),
            starts,
            follows,
            closes: false,
            fleeting: Some(fleeting),
        }
    }

    /// A row that closes a generation. To a release that does not know of it, it is a notification that has outlived its `ttl`.
    pub(super) fn closing(channel: &Channel, place: LogPlace, now: Millis) -> Self {
        let nothing = NewEntry {
            item: Item::stored(String::new(), now, "{}".to_owned()),
            hides_at: Some(Seconds(0)),
            collapse_key: None,
        };
        Self { closes: true, ..Self::new(channel, &nothing, Plan::Plain(place), None) }
    }

    /// The notification's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// When the notification was accepted.
    #[must_use]
    pub fn sent_at(&self) -> Millis {
        self.sent_at
    }

    /// The notification in JSON, with its place.
    #[must_use]
    pub fn to_json(&self) -> String {
        item::json(&self.id, self.sent_at, &self.content, Some(self.seq))
    }

    /// The content.
    ///
    /// # Errors
    /// The row is not as this code writes it.
    pub fn content(&self) -> Result<Content, Error> {
        serde_json::from_str(&self.content).map_err(|error| Error::unreadable(&error))
    }
}
