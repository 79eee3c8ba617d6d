//! A poller reads a queue for a function: it gathers batches, has the function work on each, and deletes the messages that are
//! done.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::{answer::done, event::event};
use crate::{
    lambda::{Lambda, PAYLOAD_LIMIT},
    log,
    queues::{Handle, Message, Queues, Wish},
    template::Mapping,
};

/// The longest time that one poll waits for a message.
const WAIT: Duration = Duration::from_secs(20);

/// The bytes of an event beside its records at most.
const EVENT: usize = 64;

/// The pause after a queue could not be read.
const PAUSE: Duration = Duration::from_secs(1);

/// The poller of an event source mapping.
#[derive(Debug)]
pub(crate) struct Poller {
    queues: Arc<Queues>,
    lambda: Arc<Lambda>,
    mapping: Mapping,
    arn: String,
    /// One permit for each concurrent invocation.
    slots: Arc<Semaphore>,
}

impl Poller {
    /// A poller with as many concurrent invocations as its mapping says, else as many as there may be processes.
    pub(crate) fn new(queues: Arc<Queues>, lambda: Arc<Lambda>, mapping: Mapping, max_processes: u32) -> Arc<Self> {
        let arn = queues.declared(&mapping.queue).map(|queue| queue.arn).unwrap_or_default();
        let slots = mapping.concurrency.unwrap_or(max_processes);
        Arc::new(Self { queues, lambda, mapping, arn, slots: Arc::new(Semaphore::new(slots as usize)) })
    }

    /// Polls until the stack ends.
    pub(crate) async fn run(self: Arc<Self>) {
        // A slot first: a received message is worked on at once, while it is hidden from other receivers.
        while let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await
            && !self.lambda.is_stopping()
        {
            match self.gather().await {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => {
                    tokio::spawn(Arc::clone(&self).work(batch, slot));
                }
                Err(error) => {
                    tracing::error!(%error, queue = self.mapping.queue, "a queue cannot be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Receives a batch: the messages that wait and those that arrive within the window, as many as fit into one event.
    async fn gather(&self) -> std::io::Result<Vec<Message>> {
        let Mapping { queue, batch_size, window, .. } = &self.mapping;
        let wish = Wish { count: *batch_size, weight: PAYLOAD_LIMIT - EVENT, visibility: None };
        let mut batch = self.queues.receive(queue, wish, WAIT).await?;
        let mut left = wish.beside(&batch);
        let until = Instant::now() + *window;
        while !batch.is_empty() && left.count > 0 && Instant::now() < until {
            let more = self.queues.receive(queue, left, until - Instant::now()).await?;
            if more.is_empty() {
                break;
            }
            left = left.beside(&more);
            batch.extend(more);
        }
        Ok(batch)
    }

    /// Has the function work on a batch. Messages that are not done are received again when they are no longer hidden.
    async fn work(self: Arc<Self>, batch: Vec<Message>, _slot: OwnedSemaphorePermit) {
        let function = &self.mapping.function;
        let Ok(answer) = self.lambda.invoke(function, &event(&self.arn, &batch)).await else { return };
        let done = if self.mapping.reports_failures { done(&batch, &answer) } else { Ok(batch.iter().collect()) };
        match done {
            Ok(done) => self.delete(&done),
            Err(why) => log::line(function, &format!("the whole batch failed: {why}")),
        }
    }

    fn delete(&self, done: &[&Message]) {
        let handles: Vec<Handle> = done.iter().filter_map(|message| Handle::read(&message.handle())).collect();
        if let Err(error) = self.queues.delete(&self.mapping.queue, &handles) {
            tracing::error!(%error, queue = self.mapping.queue, "messages that are done could not be deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Map;

    use super::*;
    use crate::{
        faults::{Faults, Known},
        queues::Letter,
        template::Queue,
    };

    fn poller(batch_size: usize, window: u64) -> Arc<Poller> {
        let faults = Arc::new(Faults::new(Known::default()));
        let queues = Queues::open(None, vec![Queue::named("q")], Arc::clone(&faults)).expect("queues");
        let lambda = Lambda::new(BTreeMap::new(), BTreeMap::new(), |_| 1, "", faults, Arc::default());
        let mapping = Mapping {
            queue: "q".to_owned(),
            function: "F".to_owned(),
            batch_size,
            window: Duration::from_millis(window),
            reports_failures: true,
            concurrency: Some(2),
        };
        Poller::new(Arc::new(queues), Arc::new(lambda), mapping, 1)
    }

    fn send(poller: &Poller, count: usize, length: usize, delay: u64) {
        let letter = Letter {
            body: "x".repeat(length),
            attributes: Map::new(),
            delay: Some(Duration::from_millis(delay)),
            group: None,
        };
        poller.queues.send("q", "me", vec![letter; count]).expect("sent messages");
    }

    async fn gathered(poller: &Poller) -> usize {
        poller.gather().await.expect("a batch").len()
    }

    #[tokio::test]
    async fn a_batch_is_what_there_is_up_to_its_size() {
        let poller = poller(10, 0);
        send(&poller, 13, 1, 0);
        assert_eq!(gathered(&poller).await, 10);
        assert_eq!(gathered(&poller).await, 3);
    }

    #[tokio::test]
    async fn a_batch_is_gathered_until_its_window_closes_or_it_is_full() {
        let poller = poller(4, 1_000);
        send(&poller, 1, 1, 0);
        send(&poller, 1, 1, 50);
        send(&poller, 1, 1, 60_000);
        assert_eq!(gathered(&poller).await, 2);
        send(&poller, 9, 1, 0);
        let start = Instant::now();
        assert_eq!((gathered(&poller).await, gathered(&poller).await), (4, 4));
        assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_batch_fits_into_an_event() {
        let poller = poller(10, 200);
        send(&poller, 10, 1_048_576, 0);
        let (first, second) = (poller.gather().await.expect("a batch"), gathered(&poller).await);
        assert_eq!((first.len(), second), (5, 5));
        assert!(event(&poller.arn, &first).to_string().len() <= PAYLOAD_LIMIT);
    }

    #[tokio::test]
    async fn a_batch_of_a_function_that_fails_stays_where_it_is() {
        let poller = poller(10, 0);
        send(&poller, 1, 1, 0);
        let batch = poller.gather().await.expect("a batch");
        let slot = Arc::clone(&poller.slots).acquire_owned().await.expect("a slot");
        // The function does not exist.
        Arc::clone(&poller).work(batch, slot).await;
        assert_eq!(poller.queues.counts("q").map(|counts| counts.in_flight), Some(1));
        assert_eq!(poller.slots.available_permits(), 2);
    }
}
