//! The queue of what becomes due: it wakes `deliver` at the time of a notification. Its messages name the notification and
//! say nothing of it.

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};

use crate::aws::row::VERSION;
use crate::clock;
use crate::domain::schedule::id::ScheduleId;
use crate::domain::time::Millis;
use crate::error::Error;

/// The longest delay that SQS takes, in seconds.
const LONGEST_DELAY: i64 = 900;

/// The most messages of one batch.
const BATCH: usize = 10;

/// How many batches are under way at once.
const AT_ONCE: usize = 8;

/// How often what SQS left out of a batch is sent again.
const TRIES: u32 = 3;

/// The queue.
#[derive(Clone, Debug)]
pub struct DueQueue {
    client: Client,
    url: String,
}

#[derive(Serialize, Deserialize)]
struct Message {
    v: u8,
    id: ScheduleId,
}

/// The notification that a message names.
///
/// # Errors
/// It is no message of this queue.
pub fn read(body: &str) -> Result<ScheduleId, serde_json::Error> {
    serde_json::from_str::<Message>(body).map(|message| message.id)
}

fn body(id: ScheduleId) -> String {
    // A number and a UUID have no way to fail.
    serde_json::to_string(&Message { v: VERSION, id }).unwrap_or_default()
}

/// In seconds, rounded down: `deliver` waits for the rest.
fn delay(due: Millis, now: Millis) -> i32 {
    let seconds = ((due.0 - now.0) / 1000).clamp(0, LONGEST_DELAY);
    i32::try_from(seconds).unwrap_or_default()
}

impl DueQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(config: &SdkConfig, url: String) -> Self {
        Self { client: Client::new(config), url }
    }

    /// Queues one notification for its time.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, id: ScheduleId) -> Result<(), Error> {
        let request = self.client.send_message().queue_url(&self.url).message_body(body(id));
        let answer = request.delay_seconds(delay(id.due(), clock::now())).send().await;
        answer.map(drop).map_err(Error::call("SendMessage to the due queue"))
    }

    /// Queues notifications, each for its time.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, ids: &[ScheduleId]) -> Result<(), Error> {
        let batches: Vec<Vec<ScheduleId>> = ids.chunks(BATCH).map(<[_]>::to_vec).collect();
        stream::iter(batches).map(|batch| self.send_batch(batch)).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// An answer of 200 may leave out some of the messages.
    async fn send_batch(&self, mut batch: Vec<ScheduleId>) -> Result<(), Error> {
        let mut cause = String::new();
        for _ in 0..TRIES {
            // SQS counts a delay from when it has the message.
            let now = clock::now();
            let entries = batch.iter().map(|id| entry(*id, now)).collect::<Result<_, _>>()?;
            let request = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.map_err(Error::call("SendMessageBatch to the due queue"))?;
            let Some(failed) = answer.failed.first() else { return Ok(()) };
            cause = format!("{}: {}", failed.code, failed.message.as_deref().unwrap_or("no message"));
            batch.retain(|id| answer.failed.iter().any(|failed| failed.id == id.to_string()));
        }
        Err(Error::Failed { call: "SendMessageBatch to the due queue", cause })
    }

    /// Has a message that was received come again after so many seconds.
    ///
    /// # Errors
    /// SQS does not answer as it should. Then the message comes when its visibility timeout ends.
    pub async fn come_again(&self, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        let request = self.client.change_message_visibility().queue_url(&self.url).receipt_handle(receipt_handle);
        let answer = request.visibility_timeout(seconds).send().await;
        answer.map(drop).map_err(Error::call("ChangeMessageVisibility of a message"))
    }
}

fn entry(id: ScheduleId, now: Millis) -> Result<SendMessageBatchRequestEntry, Error> {
    SendMessageBatchRequestEntry::builder()
        .id(id.to_string())
        .message_body(body(id))
        .delay_seconds(delay(id.due(), now))
        .build()
        .map_err(|error| Error::Failed { call: "build a request", cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_no_later_than_its_notification_is_due() {
        for (due, seconds) in [(-5_000, 0), (999, 0), (1_000, 1), (179_999, 179), (10_000_000, 900)] {
            assert_eq!(delay(Millis(due), Millis(0)), seconds, "{due}");
        }
    }

    #[test]
    fn a_message_names_its_notification_and_nothing_else_is_one() {
        let id = ScheduleId::of_one(Millis(1), [2; 10]);
        assert_eq!(read(&body(id)).unwrap(), id);
        for text in ["", "{}", r#"{"v":1,"id":"x"}"#] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
