//! SNS: the topics of the stack, whose messages go to the functions that subscribe to them.

mod event;
mod notice;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use self::event::event;
pub(crate) use self::notice::Notice;
use crate::{
    events::Asynchronous,
    faults::{Action, Faults, Subject},
    template::{Subscription, Topic},
};

/// The reasons for which a message is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unpublished {
    /// A fault asks for this error.
    #[error("A fault that was asked for")]
    Fault(String),
    /// The message could not be kept.
    #[error(transparent)]
    Unkept(#[from] std::io::Error),
}

/// All topics of the stack, by ARN.
#[derive(Debug)]
pub(crate) struct Topics {
    topics: BTreeMap<String, Served>,
    asynchronous: Arc<Asynchronous>,
    faults: Arc<Faults>,
}

/// A topic, with the counts of its messages since the stack started.
#[derive(Debug)]
struct Served {
    declared: Topic,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    published: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Topics {
    /// The template's topics.
    pub(crate) fn new(topics: Vec<Topic>, asynchronous: Arc<Asynchronous>, faults: Arc<Faults>) -> Self {
        let topics = topics.into_iter().map(|declared| {
            let served = Served { declared, counts: Arc::default() };
            (served.declared.arn.clone(), served)
        });
        Self { topics: topics.collect(), asynchronous, faults }
    }

    /// The template's declaration of the topic with this ARN.
    pub(crate) fn declared(&self, arn: &str) -> Option<&Topic> {
        self.topics.get(arn).map(|served| &served.declared)
    }

    /// The template's declarations of all topics.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values().map(|served| &served.declared)
    }

    /// Publishes a message to a topic, and returns its id. The message is then on its way to every subscriber.
    pub(crate) fn publish(&self, topic: &Topic, notice: &Notice) -> Result<String, Unpublished> {
        let fault = self.faults.take(&format!("topic.{}", topic.logical_name), &Subject::default());
        let copies = match fault.map(|effect| effect.action) {
            Some(Action::Error(name)) => return Err(Unpublished::Fault(name)),
            Some(Action::Double) => 2,
            _ => 1,
        };
        let counts = self.topics.get(&topic.arn).map(|served| Arc::clone(&served.counts)).unwrap_or_default();
        let (id, time) = (Uuid::now_v7().to_string(), Timestamp::now());
        for subscription in &topic.subscriptions {
            let event = event(topic, subscription, &id, notice, time);
            for _ in 0..copies {
                self.deliver(subscription, event.clone(), Arc::clone(&counts))?;
            }
        }
        counts.published.fetch_add(1, Ordering::SeqCst);
        Ok(id)
    }

    fn deliver(&self, subscription: &Subscription, event: Value, counts: Arc<Counts>) -> std::io::Result<()> {
        let worked = self.asynchronous.accept(&subscription.function, event)?;
        tokio::spawn(async move {
            let count = if worked.await.unwrap_or(false) { &counts.delivered } else { &counts.failed };
            count.fetch_add(1, Ordering::SeqCst);
        });
        Ok(())
    }

    /// Every topic, for the control API.
    pub(crate) fn describe(&self) -> Value {
        let topics = self.topics.values().map(|Served { declared, counts }| {
            json!({
                "topic": declared.logical_name,
                "name": declared.name,
                "published": counts.published.load(Ordering::SeqCst),
                "delivered": counts.delivered.load(Ordering::SeqCst),
                "failed": counts.failed.load(Ordering::SeqCst),
            })
        });
        topics.collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
