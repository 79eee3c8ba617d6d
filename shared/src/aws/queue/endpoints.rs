//! The queue of attempts at endpoints. Behind it is one for those that have failed for the last time.

use domain::endpoint::attempt::Attempt;
use domain::time::Millis;
use serde::{Deserialize, Serialize};

use super::{Message, Queue};
use crate::aws::clients::Clients;
use crate::aws::row::VERSION;
use crate::clock;
use crate::error::Error;

/// The queue, or the one of its dead letters.
#[derive(Clone, Debug)]
pub struct EndpointsQueue(Queue);

#[derive(Serialize, Deserialize)]
struct Body {
    v: u8,
    #[serde(flatten)]
    attempt: Attempt,
}

fn message(attempt: &Attempt, due: Millis) -> Message {
    let body = Body { v: VERSION, attempt: attempt.clone() };
    // Numbers and names have no way to fail. Delays are whole seconds, and no attempt is made before its time.
    Message { body: serde_json::to_string(&body).unwrap_or_default(), due: due.plus(999) }
}

impl EndpointsQueue {
    /// The queue at this address.
    #[must_use]
    pub fn new(clients: &Clients, url: String) -> Self {
        Self(Queue::new(clients, url))
    }

    /// The attempt that a message asks for.
    ///
    /// # Errors
    /// It is no message of this queue, or of a later release.
    pub fn read(body: &str) -> Result<Attempt, Error> {
        super::read::<Body>(body).map(|body| body.attempt)
    }

    /// Queues an attempt for a moment at most [`LONGEST_DELAY`](super::LONGEST_DELAY) away.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, attempt: &Attempt, due: Millis) -> Result<(), Error> {
        self.0.send(message(attempt, due)).await
    }

    /// Queues attempts that are due now.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, attempts: &[Attempt]) -> Result<(), Error> {
        let now = clock::now();
        self.0.send_all(attempts.iter().map(|attempt| message(attempt, now)).collect()).await
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
    use domain::channel::{Channel, Sub};
    use domain::endpoint::id::EndpointId;
    use domain::seq::Seq;

    use super::*;

    #[test]
    fn a_message_names_its_attempt_and_nothing_else_is_one() {
        let alice = Sub::parse("alice").unwrap();
        let endpoint = EndpointId::new(&alice, 3, [7; 8]);
        let attempt = Attempt::first(&Channel::inbox(&alice), &endpoint, Seq(42), 2);
        assert_eq!(EndpointsQueue::read(&message(&attempt, Millis(0)).body).unwrap(), attempt);
        for text in ["", "{}", r#"{"v":1,"channel":"user:a","endpoint":"x","seq":1,"attempt":1}"#] {
            assert!(EndpointsQueue::read(text).is_err(), "{text}");
        }
    }
}
