//! The queue of what becomes due: it wakes `deliver` at the time of a notification. Its messages name the notification and
//! say nothing of it, but their group tells SQS which of them are of one publisher.

use domain::schedule::id::ScheduleId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Queue, QueueMessage};
use crate::aws::clients::Clients;
use crate::error::Error;

/// The queue.
#[derive(Clone, Debug)]
pub struct DueQueue(Queue<Wake>);

/// A message that wakes `deliver` for a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wake {
    /// The notification, and so the time when it is due.
    pub id: ScheduleId,
    /// Whose it is; `None` for what nobody sends.
    #[serde(skip)]
    pub group: Option<Group>,
}

/// The messages of one publisher: a hash of their name. While one group's messages take up most of those that wake `deliver`, SQS hands out
/// the others' first, so that nobody's crowd keeps the others waiting.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(u64);

impl Group {
    /// The group of what this publisher has sent.
    #[must_use]
    pub fn of(by: &str) -> Self {
        let digest = Sha256::digest(by);
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }
}

impl QueueMessage for Wake {
    fn group(&self) -> Option<String> {
        self.group.map(|Group(hash)| format!("{hash:016x}"))
    }
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
        super::read::<Wake>(body).map(|wake| wake.id)
    }

    /// Queues one notification for its time.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, wake: Wake) -> Result<(), Error> {
        self.0.send(&wake, wake.id.due()).await
    }

    /// Queues notifications, each for its time.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, wakes: &[Wake]) -> Result<(), Error> {
        self.0.send_all(wakes.iter().map(|wake| (wake, wake.id.due()))).await
    }

    /// Has SQS deliver a message again after so many seconds.
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

    use super::super::Message;
    use super::*;

    #[test]
    fn a_message_names_its_notification_and_nothing_else_is_one() {
        let id = ScheduleId::of_one(Millis(1), [2; 10]);
        let body = Message::new(&Wake { id, group: None }, Millis(0)).body;
        assert_eq!(body, format!(r#"{{"v":1,"id":"{id}"}}"#));
        assert_eq!(DueQueue::read(&body).unwrap(), id);
        let later = body.replace("\"v\":1", "\"v\":2");
        for text in ["", "{}", r#"{"v":1,"id":"x"}"#, &later] {
            assert!(DueQueue::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_publishers_messages_are_one_group_that_does_not_name_them() {
        let group =
            |by: Option<&str>| Wake { id: ScheduleId::of_one(Millis(1), [2; 10]), group: by.map(Group::of) }.group();
        assert_eq!(group(Some("alice")).as_deref(), Some("2bd806c97f0e00af"), "the first digits of SHA-256");
        assert_ne!(group(Some("alice")), group(Some("bob")));
        assert_eq!(group(None), None);
    }
}
