//! A scheduled notification as it stands in the table.

use domain::channel::{Channel, Sub};
use domain::content::CollapseKey;
use domain::item::Item;
use domain::places::{self, Places};
use domain::schedule::id::{Bucket, ScheduleId};
use domain::schedule::repeat::Repeat;
use domain::schedule::state::{Stage, State};
use domain::schedule::sweep::is_queued_by_writer;
use domain::send::SendRequest;
use domain::seq::Seq;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use crate::aws::log::NewEntry;
use crate::aws::queue::{Group, Wake};
use crate::aws::row::{Attributes, VERSION, from_row};
use crate::error::Error;

/// One notification that is to be sent later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    bucket: Bucket,
    /// Its id, and so the time when it is due.
    pub id: ScheduleId,
    v: u8,
    /// Who sent it.
    #[serde(deserialize_with = "Sub::stored")]
    pub by: Sub,
    /// Its channels.
    pub to: Vec<Channel>,
    pub(super) content: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<CollapseKey>,
    /// In seconds, from when it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    /// Whether it is to be sent.
    pub stage: Stage,
    /// Whether its writer has queued it; else the sweeper does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// The channels that have it, with its place.
    pub sent: Places,
    /// When it was sent to the first of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Millis>,
    /// Whether nothing is left to do: every push has succeeded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// The number of times that the sweeper has queued it after its time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounds: u8,
    /// When it last did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed_at: Option<Millis>,
    /// When its message went to the dead-letter queue, unless it was handed on again since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_lettered_at: Option<Millis>,
    /// The series that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<SeriesPart>,
}

/// The part of an unfinished notification that the sweeper needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pending {
    /// Its id, and so the time when it is due.
    pub id: ScheduleId,
    /// Who sent it. Nobody sends an attempt.
    by: Option<String>,
    /// Whether its writer has queued it.
    #[serde(default)]
    pub queued: bool,
    /// The number of times that the sweeper has queued it after its time.
    #[serde(default)]
    pub rounds: u8,
    /// When it last did.
    pub handed_at: Option<Millis>,
    /// Whether its id is all that this release can read of it.
    #[serde(skip)]
    pub is_unreadable: bool,
}

impl Pending {
    /// The message that wakes `deliver` for it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        Wake { id: self.id, group: self.by.as_deref().map(Group::of) }
    }

    /// Reads a row. One that cannot be read is due as its id says.
    pub(super) fn from_row(row: Attributes) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct RowKey {
            id: ScheduleId,
        }
        let key = row.get("id").cloned().map(|id| ("id".to_owned(), id));
        from_row(row).or_else(|error| {
            error.log();
            let RowKey { id } = from_row(key.into_iter().collect())?;
            Ok(Self { id, by: None, queued: false, rounds: 0, handed_at: None, is_unreadable: true })
        })
    }
}

/// A notification's link to its series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeriesPart {
    /// The series.
    pub id: ScheduleId,
    repeat: String,
    time_zone: String,
    /// The notification after this one, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<ScheduleId>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
pub(super) fn is_zero(rounds: &u8) -> bool {
    *rounds == 0
}

impl Scheduled {
    /// A notification that is due as its id says.
    #[must_use]
    pub fn new(id: ScheduleId, by: &Sub, send: &SendRequest, content: String, now: Millis) -> Self {
        Self {
            bucket: id.bucket(),
            id,
            v: VERSION,
            by: by.clone(),
            to: send.to.clone(),
            content,
            collapse_key: send.content.collapse_key.clone(),
            ttl: send.ttl,
            stage: Stage::Scheduled,
            queued: is_queued_by_writer(id.due(), now),
            sent: Places::new(),
            sent_at: None,
            done: false,
            rounds: 0,
            handed_at: None,
            dead_lettered_at: None,
            series: None,
        }
    }

    /// The message that wakes `deliver` for it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        Wake { id: self.id, group: Some(Group::of(self.by.as_str())) }
    }

    /// The same, as the first of a series.
    #[must_use]
    pub fn of_series(mut self, id: ScheduleId, repeat: &Repeat) -> Self {
        let (repeat, time_zone) = (repeat.expression().to_owned(), repeat.time_zone().to_owned());
        self.series = Some(SeriesPart { id, repeat, time_zone, next: None });
        self
    }

    /// The notification of the series that comes after this one, at the first time that is still to come: what was
    /// missed comes as one. `None` for what is of no series, or has a next one already.
    ///
    /// # Errors
    /// The row's expression gives no time.
    pub fn next(&self, now: Millis, random: [u8; 10]) -> Result<Option<Self>, Error> {
        let Some(part) = self.series.as_ref().filter(|part| part.next.is_none()) else { return Ok(None) };
        let cause = "the series' `repeat` has no further time".to_owned();
        let due = Repeat::parse(&part.repeat, Some(&part.time_zone))?
            .next(now.max(self.id.due()))
            .ok_or(Error::Failed { call: "next of a series", cause })?;
        let id = ScheduleId::of_one(due, random);
        Ok(Some(Self {
            bucket: id.bucket(),
            id,
            v: VERSION,
            stage: Stage::Scheduled,
            queued: is_queued_by_writer(due, now),
            sent: Places::new(),
            sent_at: None,
            done: false,
            rounds: 0,
            handed_at: None,
            dead_lettered_at: None,
            ..self.clone()
        }))
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> State {
        match self.stage {
            Stage::Cancelled => State::Cancelled,
            _ if self.is_sent() => State::Sent,
            Stage::Failed => State::Failed,
            Stage::Scheduled => State::Scheduled,
        }
    }

    /// Whether every channel's log has it.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.to.iter().all(|channel| self.sent.contains_key(channel))
    }

    /// The channels that have it, with its place.
    pub fn places(&self) -> impl Iterator<Item = (&Channel, Seq)> {
        places::in_order(&self.to, &self.sent)
    }

    /// The notification to append, the same for all its channels' logs.
    #[must_use]
    pub fn as_sent_at(&self, sent_at: Millis) -> NewEntry {
        let item = Item::stored(self.id.to_string(), sent_at, self.content.clone());
        let hides_at = self.ttl.map(|ttl| sent_at.seconds() + ttl);
        NewEntry { item, hides_at, collapse_key: self.collapse_key.clone() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn every_minute(due: &str, now: &str) -> Scheduled {
        let at = |text| Millis::from_rfc3339(text).unwrap();
        let fields = json!({"to": "user:a", "title": "Hi", "repeat": "* * * * *"});
        let send = SendRequest::parse(fields.as_object().unwrap().clone()).unwrap();
        let series = ScheduleId::of_series(at(due), [7; 10]);
        let repeat = send.timing.repeat.clone().unwrap();
        let row = Scheduled::new(
            ScheduleId::of_one(at(due), [0; 10]),
            &Sub::parse("p").unwrap(),
            &send,
            "{}".into(),
            at(now),
        );
        row.of_series(series, &repeat)
    }

    #[test]
    fn firings_that_were_missed_come_as_one() {
        let row = every_minute("2026-11-22T10:01:00Z", "2026-11-22T10:00:30Z");
        let next = |now| row.next(Millis::from_rfc3339(now).unwrap(), [1; 10]).unwrap().unwrap().id.due().rfc3339();
        assert_eq!(next("2026-11-22T10:01:00.010Z"), "2026-11-22T10:02:00.000Z");
        assert_eq!(next("2026-11-22T11:30:10Z"), "2026-11-22T11:31:00.000Z");
        // A clock that is behind does not make it fire twice for one time.
        assert_eq!(next("2026-11-22T10:00:59.990Z"), "2026-11-22T10:02:00.000Z");
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let row = every_minute("2026-11-22T10:01:00Z", "2026-11-22T10:00:30Z");
        let written = crate::aws::row::to_row(&row).unwrap();
        assert_eq!(written["bucket"].as_s().unwrap(), "2026-11-22T10:01#0");
        assert_eq!(written["id"].as_s().unwrap(), &row.id.to_string());
        assert!(written["sent"].as_m().unwrap().is_empty());
        assert_eq!(from_row::<Scheduled>(written).unwrap(), row);
    }
}
