//! Disabling an endpoint that has taken nothing for days, and telling its owner.

use domain::channel::Channel;
use domain::item::Item;
use domain::schedule::id::ScheduleId;
use domain::send::SendRequest;
use domain::time::Millis;
use serde_json::{Value, json};

use crate::aws::queue::DueQueue;
use crate::aws::schedule::{Schedule, ScheduleWriteResult, Scheduled};
use crate::aws::subscribers::{Endpoint, Subscribers};
use crate::error::Error;

/// Disables endpoints.
#[derive(Clone, Debug)]
pub(super) struct Disabler {
    subscribers: Subscribers,
    schedule: Schedule,
    due: DueQueue,
}

impl Disabler {
    pub(super) fn new(subscribers: Subscribers, schedule: Schedule, due: DueQueue) -> Self {
        Self { subscribers, schedule, due }
    }

    /// Disables an endpoint that has taken nothing since `since`, and schedules the notification of its owner in the same transaction:
    /// so the owner is notified once, whichever process dies.
    pub(super) async fn disable(&self, endpoint: &Endpoint, since: Millis, now: Millis) -> Result<(), Error> {
        let send = SendRequest::parse(word(endpoint, since).as_object().cloned().unwrap_or_default())?;
        let item = Item::new(String::new(), now, &send.content);
        let id = ScheduleId::of_one(now, rand::random());
        let row = Scheduled::new(id, &endpoint.owner, &send, item.content, now);
        let disabling = self.subscribers.disabling(endpoint, since, now)?;
        match self.schedule.write(&row, None, Some(disabling)).await? {
            ScheduleWriteResult::Done => self.due.send(row.wake()).await,
            ScheduleWriteResult::Taken => Ok(()),
        }
    }
}

fn word(endpoint: &Endpoint, since: Millis) -> Value {
    let kind = endpoint.target.kind();
    let (id, channel) = (&endpoint.id, &endpoint.channel);
    json!({
        "to": Channel::inbox(&endpoint.owner).to_string(),
        "title": "An endpoint is disabled",
        "body": format!("The {kind} endpoint of {channel} has taken nothing for five days. Mend it, then replay what it missed."),
        "data": {
            "tidings": "endpoint_disabled",
            "endpoint": id.to_string(),
            "channel": channel.to_string(),
            "kind": kind,
            "failing_since": since.rfc3339(),
        },
    })
}
