//! The queues of due notifications, attempts at endpoints, and segments of large audiences. A message names its notification, and has the
//! content only of one that is not stored.

mod due;
mod endpoints;
mod segments;

pub use due::{DueQueue, Group, Wake};
pub use endpoints::{EndpointDeadLetters, EndpointQueues};
pub use segments::SegmentsQueue;

use std::marker::PhantomData;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::time::Millis;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::aws::clients::Clients;
use crate::aws::row::VERSION;
use crate::clock;
use crate::error::Error;

/// The longest delay that SQS takes, in seconds.
pub const LONGEST_DELAY: i64 = 900;

/// The most messages of one batch.
pub const BATCH: usize = 10;

/// The number of batches that are under way at once.
const AT_ONCE: usize = 8;

/// The number of times that messages are sent again that SQS left out of a batch.
const TRIES: u32 = 3;

/// A queue of messages of one type.
#[derive(Clone, Debug)]
struct Queue<M> {
    client: Client,
    url: String,
    messages: PhantomData<fn(M)>,
}

/// A type of messages.
trait QueueMessage: Serialize + DeserializeOwned {
    /// The group that SQS serves fairly beside others.
    fn group(&self) -> Option<String>;
}

/// A body in JSON: the message's own fields, and the version of their layout.
#[derive(Serialize, Deserialize)]
struct Body<M> {
    v: u8,
    #[serde(flatten)]
    message: M,
}

/// A message as SQS gets it, with the moment from which it is received.
#[derive(Clone, Debug)]
struct Message {
    body: String,
    due: Millis,
    group: Option<String>,
}

impl Message {
    fn new<M: QueueMessage>(message: &M, due: Millis) -> Self {
        // Numbers and names have no way to fail.
        let body = serde_json::to_string(&Body { v: VERSION, message }).unwrap_or_default();
        Self { body, due, group: message.group() }
    }
}

/// In seconds, rounded down: the receiver of a message waits for the rest.
fn delay(due: Millis, now: Millis) -> i32 {
    let seconds = ((due.0 - now.0) / 1000).clamp(0, LONGEST_DELAY);
    i32::try_from(seconds).unwrap_or_default()
}

impl<M: QueueMessage> Queue<M> {
    fn new(clients: &Clients, url: String) -> Self {
        Self { client: clients.sqs(), url, messages: PhantomData }
    }

    /// Whether the queue's ARN is this one: both end with its name.
    fn has_arn(&self, arn: &str) -> bool {
        arn.rsplit(':').next() == self.url.rsplit('/').next()
    }

    async fn send(&self, message: &M, due: Millis) -> Result<(), Error> {
        let message = Message::new(message, due);
        let request = self.client.send_message().queue_url(&self.url).message_body(message.body);
        let request = request.set_message_group_id(message.group);
        let answer = request.delay_seconds(delay(message.due, clock::now())).send().await;
        answer.map(drop).map_err(Error::call("SendMessage"))
    }

    /// Sends messages, each for its moment.
    async fn send_all<'a>(&self, messages: impl Iterator<Item = (&'a M, Millis)>) -> Result<(), Error>
    where
        M: 'a,
    {
        let messages: Vec<Message> = messages.map(|(message, due)| Message::new(message, due)).collect();
        let batches: Vec<Vec<Message>> = messages.chunks(BATCH).map(<[_]>::to_vec).collect();
        stream::iter(batches).map(|batch| self.send_batch(batch)).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// An answer of 200 may leave out some of the messages.
    async fn send_batch(&self, batch: Vec<Message>) -> Result<(), Error> {
        let mut left: Vec<(usize, Message)> = batch.into_iter().enumerate().collect();
        let mut cause = String::new();
        for _ in 0..TRIES {
            // SQS counts a delay from when it has the message.
            let now = clock::now();
            let entries = left.iter().map(|(n, message)| entry(*n, message, now)).collect::<Result<_, _>>()?;
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.map_err(Error::call("SendMessageBatch"))?;
            let Some(failed) = answer.failed.first() else { return Ok(()) };
            cause = format!("{}: {}", failed.code, failed.message.as_deref().unwrap_or("no message"));
            left.retain(|(n, _)| answer.failed.iter().any(|failed| failed.id == n.to_string()));
        }
        Err(Error::Failed { call: "SendMessageBatch", cause })
    }

    /// Has SQS deliver a message again after so many seconds.
    async fn come_again(&self, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        let answer = request.visibility_timeout(seconds).send().await;
        answer.map(drop).map_err(Error::call("ChangeMessageVisibility of a message"))
    }
}

/// Reads a message that this release or an earlier one has sent.
fn read<M: QueueMessage>(body: &str) -> Result<M, Error> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    let unreadable = |error: serde_json::Error| Error::unreadable(&error);
    match serde_json::from_str(body).map_err(unreadable)? {
        Version { v } if v > u64::from(VERSION) => {
            Err(Error::Unreadable(format!("a message's version is {v}; this release reads up to {VERSION}")))
        }
        Version { .. } => serde_json::from_str(body).map(|Body { message, .. }| message).map_err(unreadable),
    }
}

fn entry(n: usize, message: &Message, now: Millis) -> Result<SendMessageBatchRequestEntry, Error> {
    SendMessageBatchRequestEntry::builder()
        .id(n.to_string())
        .message_body(&message.body)
        .set_message_group_id(message.group.clone())
        .delay_seconds(delay(message.due, now))
        .build()
        .map_err(|error| Error::Failed { call: "build a request", cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_no_later_than_it_is_due() {
        for (due, seconds) in [(-5_000, 0), (999, 0), (1_000, 1), (179_999, 179), (10_000_000, 900)] {
            assert_eq!(delay(Millis(due), Millis(0)), seconds, "{due}");
        }
    }
}
