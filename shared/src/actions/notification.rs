//! Looking at a scheduled notification, and cancelling it.

use domain::channel::{Channel, Sub};
use domain::claims::Claims;
use domain::refusal::{Code, Refusal};
use domain::schedule::id::ScheduleId;
use domain::schedule::state::{Stage, State};
use domain::seq::Seq;
use domain::time::{self, Millis};
use serde::Serialize;

use crate::aws::schedule::{Schedule, Scheduled, Series};
use crate::clock;
use crate::error::Error;

/// The number of times that a cancellation reads again what changed meanwhile.
const TRIES: usize = 5;

/// All scheduled notifications.
#[derive(Clone, Debug)]
pub struct Notifications {
    schedule: Schedule,
}

/// The state of a notification or of a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotificationState {
    /// Its id.
    pub id: ScheduleId,
    /// Its state.
    pub state: State,
    /// When it is due; of a series, when the next one is.
    #[serde(serialize_with = "time::rfc3339")]
    pub deliver_at: Millis,
    /// When it was sent.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub sent_at: Option<Millis>,
    /// When its message went to the dead-letter queue, unless it was tried again since.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "time::optional_rfc3339")]
    pub dead_lettered_at: Option<Millis>,
    /// Its channels, in the order of the request.
    pub channels: Vec<ChannelPlace>,
    /// A series' cron expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// The zone whose local time that means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// The id of a series' last notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<ScheduleId>,
}

/// One of a notification's channels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChannelPlace {
    /// The channel.
    pub channel: Channel,
    /// Its place in the log, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

impl From<&Scheduled> for NotificationState {
    fn from(row: &Scheduled) -> Self {
        let place = |channel: &Channel| ChannelPlace { channel: channel.clone(), seq: row.sent.get(channel).copied() };
        Self {
            id: row.id,
            state: row.state(),
            deliver_at: row.id.due(),
            sent_at: row.sent_at,
            dead_lettered_at: row.dead_lettered_at,
            channels: row.to.iter().map(place).collect(),
            repeat: None,
            time_zone: None,
            last: None,
        }
    }
}

impl From<&Series> for NotificationState {
    fn from(series: &Series) -> Self {
        Self {
            id: series.id,
            state: if series.stage == Stage::Cancelled { State::Cancelled } else { State::Scheduled },
            deliver_at: series.current.due(),
            sent_at: None,
            dead_lettered_at: None,
            channels: series.to.iter().map(|channel| ChannelPlace { channel: channel.clone(), seq: None }).collect(),
            repeat: Some(series.repeat.clone()),
            time_zone: Some(series.time_zone.clone()),
            last: series.last,
        }
    }
}

impl Notifications {
    /// The notifications of this schedule.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self { schedule }
    }

    /// The state of a notification or series.
    ///
    /// # Errors
    /// `not_found`; `forbidden` to those who neither sent it nor may send to its channels.
    pub async fn look(&self, by: &Claims, id: &str) -> Result<NotificationState, Error> {
        let id = parse(id)?;
        let (sender, state) = if id.is_series() {
            let series = self.series(id).await?;
            (series.by.clone(), NotificationState::from(&series))
        } else {
            let row = self.row(id).await?;
            (row.by.clone(), NotificationState::from(&row))
        };
        check(by, &sender, &state)?;
        Ok(state)
    }

    /// Cancels what is still to be sent of a notification, or a whole series. Cancelling twice is no mistake.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, or `already_sent`.
    pub async fn cancel(&self, by: &Claims, id: &str) -> Result<NotificationState, Error> {
        let id = parse(id)?;
        if id.is_series() { self.cancel_series(by, id).await } else { self.cancel_one(by, id).await }
    }

    async fn cancel_series(&self, by: &Claims, id: ScheduleId) -> Result<NotificationState, Error> {
        let mut series = self.series(id).await?;
        check(by, &series.by, &NotificationState::from(&series))?;
        if series.stage == Stage::Scheduled {
            // Where another one cancels it at the same time, it is cancelled all the same.
            self.schedule.cancel_series(id, clock::now()).await?;
            series = self.series(id).await?;
        }
        Ok(NotificationState::from(&series))
    }

    async fn cancel_one(&self, by: &Claims, id: ScheduleId) -> Result<NotificationState, Error> {
        for _ in 0..TRIES {
            let row = self.row(id).await?;
            let state = NotificationState::from(&row);
            check(by, &row.by, &state)?;
            match state.state {
                State::Cancelled => return Ok(state),
                State::Sent => return Err(Refusal::new(Code::AlreadySent, "it was sent to all of its channels").into()),
                State::Scheduled | State::Failed => {}
            }
            if self.schedule.cancel(&row, clock::now()).await? {
                return Ok(NotificationState { state: State::Cancelled, ..state });
            }
        }
        Err(Error::Failed { call: "cancel", cause: "its row kept changing".to_owned() })
    }

    /// The state of a notification or series, and the row that is still to be sent.
    pub(super) async fn find(&self, id: &str) -> Result<(NotificationState, Option<Scheduled>), Error> {
        let id = parse(id)?;
        if id.is_series() {
            let series = self.series(id).await?;
            let pending = self.schedule.get(series.current).await?;
            return Ok((NotificationState::from(&series), pending));
        }
        let row = self.row(id).await?;
        Ok((NotificationState::from(&row), Some(row)))
    }

    async fn row(&self, id: ScheduleId) -> Result<Scheduled, Error> {
        Ok(self.schedule.get(id).await?.ok_or_else(not_found)?)
    }

    async fn series(&self, id: ScheduleId) -> Result<Series, Error> {
        Ok(self.schedule.get_series(id).await?.ok_or_else(not_found)?)
    }
}

fn check(by: &Claims, sender: &Sub, state: &NotificationState) -> Result<(), Refusal> {
    by.check_sent_or_publishes_to(sender, state.channels.iter().map(|place| &place.channel))
}

fn parse(id: &str) -> Result<ScheduleId, Refusal> {
    ScheduleId::parse(id).ok_or_else(not_found)
}

fn not_found() -> Refusal {
    let reason =
        "no scheduled notification has this id; one that was sent at once, or finished weeks ago, has no row here";
    Refusal::field_with(Code::NotFound, "id", reason)
}
