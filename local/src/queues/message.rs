//! A message, and its receipt handle.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::store::Kept;

/// The bytes that an event has for a message beside its body and attributes at most.
const RECORD: usize = 1024;

/// The bytes that an event has for an attribute beside its sender's text at most.
const ATTRIBUTE: usize = 64;

/// A message as its sender gives it.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// The body.
    pub(crate) body: String,
    /// The attributes.
    pub(crate) attributes: Map<String, Value>,
    /// The delay; without one, the queue's own.
    pub(crate) delay: Option<Duration>,
    /// The message group, if the sender names one. The queue is fair between groups.
    pub(crate) group: Option<String>,
}

/// A message in a queue. Times are in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    /// A number that no other message of any queue has, and none of its copies.
    pub(crate) number: u64,
    /// The name of the queue that it is in.
    pub(crate) queue: String,
    /// The message id.
    pub(crate) id: String,
    /// The sender.
    pub(crate) sender: String,
    /// The body.
    pub(crate) body: String,
    /// The sender's attributes.
    pub(crate) attributes: Map<String, Value>,
    /// Its message group, if its sender named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    /// The time of sending.
    pub(crate) sent_ms: i64,
    /// The time from which it can be received.
    pub(crate) due_ms: i64,
    /// Its receipts in this queue, if it was received.
    pub(crate) receives: Option<Receives>,
    /// The number of its receipts in earlier queues.
    pub(crate) received_before: u32,
    /// The ARN of the queue that it is a dead letter of.
    pub(crate) source: Option<String>,
    /// Whether a fault made it.
    pub(crate) copy: bool,
}

/// The receipts of a message in the queue that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receives {
    /// Their number.
    pub(crate) count: u32,
    /// The time of the first one.
    pub(crate) first_ms: i64,
    /// The time of the last one.
    pub(crate) last_ms: i64,
    /// The secret in the handle of the last one.
    pub(crate) secret: u64,
}

impl Kept for Message {
    fn number(&self) -> u64 {
        self.number
    }
}

impl Message {
    /// Records a receipt, and hides the message for a while.
    pub(crate) fn receive(&mut self, now: i64, visibility: Duration) {
        let before = self.receives.map_or((0, now), |receives| (receives.count, receives.first_ms));
        self.receives = Some(Receives {
            count: before.0.saturating_add(1),
            first_ms: before.1,
            last_ms: now,
            secret: rand::random(),
        });
        self.due_ms = after(now, visibility);
    }

    /// The number of its receipts in this queue.
    pub(super) fn count(&self) -> u32 {
        self.receives.map_or(0, |receives| receives.count)
    }

    /// The handle of its last receiver.
    pub(crate) fn handle(&self) -> String {
        let secret = self.receives.map_or(0, |receives| receives.secret);
        Handle { number: self.number, secret }.text()
    }

    /// Whether its last receiver got this handle.
    pub(super) fn answers_to(&self, handle: Handle) -> bool {
        self.receives.is_some_and(|receives| receives.secret == handle.secret)
    }

    /// The MD5 of its body.
    pub(crate) fn digest(&self) -> String {
        digest(&self.body)
    }

    /// SQS's own attributes of the message, by their names.
    pub(crate) fn system_attributes(&self) -> BTreeMap<&'static str, String> {
        let first = self.receives.map_or(self.sent_ms, |receives| receives.first_ms);
        let count = self.received_before.saturating_add(self.count());
        let mut attributes = BTreeMap::from([
            ("SenderId", self.sender.clone()),
            ("SentTimestamp", self.sent_ms.to_string()),
            ("ApproximateReceiveCount", count.to_string()),
            ("ApproximateFirstReceiveTimestamp", first.to_string()),
        ]);
        if let Some(group) = &self.group {
            attributes.insert("MessageGroupId", group.clone());
        }
        if let Some(source) = &self.source {
            attributes.insert("DeadLetterQueueSourceArn", source.clone());
        }
        if let Some(group) = &self.group {
            attributes.insert("MessageGroupId", group.clone());
        }
        attributes
    }

    /// The bytes that it takes in an event for a function at most.
    pub(crate) fn weight(&self) -> usize {
        // JSON writes these characters of a message in two bytes, and all others unchanged.
        let escaped = self.body.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t')).count();
        let attribute = |(name, value): (&String, &Value)| name.len() + value.to_string().len() + ATTRIBUTE;
        RECORD + self.body.len() + escaped + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// The MD5 of a text, as SQS writes it.
pub(crate) fn digest(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

/// The content of a receipt handle: the message and its receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle {
    /// The message's number.
    pub(crate) number: u64,
    secret: u64,
}

impl Handle {
    /// Reads a caller's text as a handle.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64_STANDARD.decode(text).ok()?).ok()?;
        let (number, secret) = text.split_once('.')?;
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Self { number: hex(number)?, secret: hex(secret)? })
    }

    fn text(self) -> String {
        BASE64_STANDARD.encode(format!("{:x}.{:x}", self.number, self.secret))
    }
}

/// The time now.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A later time.
pub(super) fn after(time: i64, duration: Duration) -> i64 {
    time.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// An earlier time.
pub(super) fn before(time: i64, duration: Duration) -> i64 {
    time.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
impl Message {
    /// A message that was sent at a time.
    pub(crate) fn sent_at(time: i64, number: u64) -> Self {
        Self {
            number,
            queue: "q".to_owned(),
            id: format!("id-{number}"),
            sender: "me".to_owned(),
            body: "some".to_owned(),
            attributes: Map::new(),
            group: None,
            sent_ms: time,
            due_ms: time,
            receives: None,
            received_before: 0,
            source: None,
            copy: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_that_of_one_receive() {
        let mut message = Message::sent_at(5, 7);
        message.receive(10, Duration::from_secs(1));
        let first = Handle::read(&message.handle()).expect("a handle");
        assert!(first.number == 7 && message.answers_to(first));
        message.receive(2000, Duration::from_secs(1));
        assert!(!message.answers_to(first));
        assert_eq!(message.receives.map(|receives| (receives.count, receives.first_ms)), Some((2, 10)));
        assert_eq!(Handle::read("no handle"), None);
    }
}
