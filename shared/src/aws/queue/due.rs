//! The queue of what becomes due: it wakes `deliver` at the time of a notification. Its messages name the notification and
//! say nothing of it.

use domain::schedule::id::ScheduleId;
use serde::{Deserialize, Serialize};

use super::{Message, Queue};
use crate::aws::clients::Clients;
use crate::aws::row::VERSION;
use crate::error::Error;

/// The queue.
#[derive(Clone, Debug)]
pub struct DueQueue(Queue);

#[derive(Serialize, Deserialize)]
struct Body {
    v: u8,
    id: ScheduleId,
}

fn message(id: ScheduleId) -> Message {
    // A number and a UUID have no way to fail.
    Message { body: serde_json::to_string(&Body { v: VERSION, id }).unwrap_or_default(), due: id.due(), group: None }
}

impl DueQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(clients: &Clients, url: String) -> Self {
        Self(Queue::new(clients, url))
    }

    /// The notification that a message names.
    ///
    /// # Errors
    /// It is no message of this queue, or of a later release.
    pub fn read(body: &str) -> Result<ScheduleId, Error> {
        super::read::<Body>(body).map(|body| body.id)
    }

    /// Queues one notification for its time.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, id: ScheduleId) -> Result<(), Error> {
        self.0.send(message(id)).await
    }

    /// Queues notifications, each for its time.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, ids: &[ScheduleId]) -> Result<(), Error> {
        self.0.send_all(ids.iter().copied().map(message).collect()).await
    }

    /// Has a message that was received come again after so many seconds.
    ///
    /// # Errors
    /// SQS does not answer as it should. Then the message comes when its visibility timeout ends.
    pub async fn come_again(&self, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.0.come_again(receipt_handle, seconds).await
    }
}

#[cfg(test)]
mod tests {
    use domain::time::Millis;

    use super::*;

    #[test]
    fn a_message_names_its_notification_and_nothing_else_is_one() {
        let id = ScheduleId::of_one(Millis(1), [2; 10]);
        assert_eq!(DueQueue::read(&message(id).body).unwrap(), id);
        let later = message(id).body.replace("\"v\":1", "\"v\":2");
        for text in ["", "{}", r#"{"v":1,"id":"x"}"#, &later] {
            assert!(DueQueue::read(text).is_err(), "{text}");
        }
    }
}
