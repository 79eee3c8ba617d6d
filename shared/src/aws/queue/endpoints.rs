//! The queues of attempts at endpoints: one of those that are slow, one of all others. Behind them is one for attempts that have
//! failed for the last time.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::endpoint::attempt::Attempt;
use domain::endpoint::lane::Lane;
use domain::time::Millis;
use sha2::{Digest as _, Sha256};

use super::{Queue, QueueMessage};
use crate::aws::clients::Clients;
use crate::clock;
use crate::error::Error;
use crate::settings::EndpointsSettings;

/// The two queues.
#[derive(Clone, Debug)]
pub struct EndpointQueues {
    quick: Queue<Attempt>,
    slow: Queue<Attempt>,
}

/// The queue of attempts that have failed for the last time.
#[derive(Clone, Debug)]
pub struct EndpointDeadLetters(Queue<Attempt>);

/// Delays are whole seconds, and no attempt is made before its time.
const ROUNDED_UP: i64 = 999;

impl QueueMessage for Attempt {
    /// An owner's endpoints in one channel, ten at most. Where one group takes up much of a queue's executions, SQS hands out the
    /// messages of others first.
    fn group(&self) -> Option<String> {
        let digest = Sha256::digest(format!("{}#{}", self.endpoint.owner(), self.channel));
        Some(BASE64_URL_SAFE_NO_PAD.encode(digest))
    }
}

impl EndpointQueues {
    /// The queues at these addresses.
    #[must_use]
    pub fn new(clients: &Clients, EndpointsSettings { quick, slow }: EndpointsSettings) -> Self {
        Self { quick: Queue::new(clients, quick), slow: Queue::new(clients, slow) }
    }

    /// The attempt that a message asks for.
    ///
    /// # Errors
    /// It is no message of these queues, or of a later release.
    pub fn read(body: &str) -> Result<Attempt, Error> {
        super::read(body)
    }

    /// The lane of the queue that has this ARN.
    #[must_use]
    pub fn lane(&self, arn: Option<&str>) -> Lane {
        if arn.is_some_and(|arn| self.slow.has_arn(arn)) { Lane::Slow } else { Lane::Quick }
    }

    fn of(&self, lane: Lane) -> &Queue<Attempt> {
        match lane {
            Lane::Quick => &self.quick,
            Lane::Slow => &self.slow,
        }
    }

    /// Queues an attempt for a moment at most [`LONGEST_DELAY`](super::LONGEST_DELAY) away.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, attempt: &Attempt, lane: Lane, due: Millis) -> Result<(), Error> {
        self.of(lane).send(attempt, due.plus(ROUNDED_UP)).await
    }

    /// Queues attempts that are due now.
    ///
    /// # Errors
    /// Some may not have been queued.
    pub async fn send_all(&self, attempts: &[(Attempt, Lane)]) -> Result<(), Error> {
        let now = clock::now().plus(ROUNDED_UP);
        for lane in [Lane::Quick, Lane::Slow] {
            let attempts = attempts.iter().filter(|(_, its)| *its == lane);
            self.of(lane).send_all(attempts.map(|(attempt, _)| (attempt, now))).await?;
        }
        Ok(())
    }

    /// Has SQS deliver a message of a lane's queue again after so many seconds.
    ///
    /// # Errors
    /// SQS does not answer as it should. Then the message comes when its visibility timeout ends.
    pub async fn come_again(&self, lane: Lane, receipt_handle: &str, seconds: i32) -> Result<(), Error> {
        self.of(lane).come_again(receipt_handle, seconds).await
    }
}

impl EndpointDeadLetters {
    /// The queue at this address.
    #[must_use]
    pub fn new(clients: &Clients, url: String) -> Self {
        Self(Queue::new(clients, url))
    }

    /// Keeps an attempt.
    ///
    /// # Errors
    /// SQS does not answer as it should.
    pub async fn send(&self, attempt: &Attempt) -> Result<(), Error> {
        self.0.send(attempt, clock::now()).await
    }
}

#[cfg(test)]
mod tests {
    use domain::channel::{Channel, Sub};
    use domain::endpoint::id::EndpointId;
    use domain::seq::Seq;

    use super::super::Message;
    use super::*;

    fn attempt(owner: &str, place: u8, channel: &Channel) -> Attempt {
        let endpoint = EndpointId::new(&Sub::parse(owner).unwrap(), place, [7; 8]);
        Attempt::first(channel, &endpoint, Seq(42), 2)
    }

    #[test]
    fn a_message_names_its_attempt_and_nothing_else_is_one() {
        let attempt = attempt("alice", 3, &Channel::inbox(&Sub::parse("alice").unwrap()));
        assert_eq!(EndpointQueues::read(&Message::new(&attempt, Millis(0)).body).unwrap(), attempt);
        for text in ["", "{}", r#"{"v":1,"channel":"user:a","endpoint":"x","seq":1,"attempt":1}"#] {
            assert!(EndpointQueues::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_owners_endpoints_in_a_channel_are_one_group() {
        let (alice, bob) = (Channel::parse("topic:alice").unwrap(), Channel::parse("topic:bob").unwrap());
        let group = |owner, place, channel| attempt(owner, place, channel).group().unwrap();
        let first = group("alice", 0, &alice);
        assert_eq!(first, group("alice", 9, &alice));
        assert_ne!(first, group("alice", 0, &bob));
        assert_ne!(first, group("bob", 0, &alice));
        let is_taken = |byte: u8| byte.is_ascii_alphanumeric() || byte.is_ascii_punctuation();
        assert!(first.len() <= 128 && first.bytes().all(is_taken), "as SQS takes it: {first}");
    }
}
