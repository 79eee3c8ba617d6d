//! The live connections, and the orders that they get from outside.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::gateway::percent_decode;

/// The frames that wait for a slow client at most.
const OUTBOX: usize = 128;

/// A client's WebSocket, from its request on.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Its id.
    pub(crate) id: String,
    /// The time of the request.
    pub(crate) connected_at: Timestamp,
    /// The client's address.
    pub(crate) source_ip: String,
    /// The client's `User-Agent`.
    pub(crate) user_agent: Option<String>,
    /// The `Host` of the request.
    pub(crate) host: String,
    /// The authorizer's context.
    pub(crate) authorizer: Option<Map<String, Value>>,
    last_active: Mutex<Timestamp>,
    outbox: mpsc::Sender<Utf8Bytes>,
    order: watch::Sender<Order>,
}

/// An order to a connection from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Go on.
    Stay,
    /// Close, after what is queued.
    Close,
    /// Drop the TCP connection, without a close frame and without `$disconnect`.
    Vanish,
}

/// The result of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// It is queued to the socket, in order.
    Queued,
    /// There is no such connection.
    Gone,
    /// The client does not read fast enough.
    Full,
}

impl Connection {
    /// A connection that is not in the registry yet, and the queue of frames to send on it.
    pub(crate) fn new(
        id: String,
        source_ip: String,
        user_agent: Option<String>,
        host: String,
    ) -> (Self, mpsc::Receiver<Utf8Bytes>) {
        let (outbox, queue) = mpsc::channel(OUTBOX);
        let now = Timestamp::now();
        let connection = Self {
            id,
            connected_at: now,
            source_ip,
            user_agent,
            host,
            authorizer: None,
            last_active: Mutex::new(now),
            outbox,
            order: watch::Sender::new(Order::Stay),
        };
        (connection, queue)
    }

    /// The time of the last message on it, either way.
    pub(crate) fn last_active(&self) -> Timestamp {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a message on it.
    pub(crate) fn touch(&self) {
        *self.last_active.lock().unwrap_or_else(PoisonError::into_inner) = Timestamp::now();
    }

    /// Sends the answer to a frame, as soon as there is room for it.
    pub(crate) async fn send(&self, text: String) {
        self.touch();
        // A client that is gone needs no answer.
        let _ = self.outbox.send(text.into()).await;
    }

    /// The orders to it.
    pub(crate) fn orders(&self) -> watch::Receiver<Order> {
        self.order.subscribe()
    }

    /// Gives it an order.
    pub(crate) fn order(&self, order: Order) {
        self.order.send_replace(order);
    }
}

/// The connections that can be posted to.
#[derive(Debug, Default)]
pub(crate) struct Registry(Mutex<BTreeMap<String, Arc<Connection>>>);

impl Registry {
    /// Adds a connection.
    pub(crate) fn insert(&self, connection: &Arc<Connection>) {
        self.lock().insert(connection.id.clone(), Arc::clone(connection));
    }

    /// Removes a connection.
    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// A live connection.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.lock().get(id).cloned()
    }

    /// Queues a frame.
    pub(crate) fn post(&self, id: &str, text: String) -> Posted {
        let Some(connection) = self.get(id) else { return Posted::Gone };
        match connection.outbox.try_send(text.into()) {
            Ok(()) => {
                connection.touch();
                Posted::Queued
            }
            Err(mpsc::error::TrySendError::Full(_)) => Posted::Full,
            Err(mpsc::error::TrySendError::Closed(_)) => Posted::Gone,
        }
    }

    /// Closes a connection; `false` if there is none.
    pub(crate) fn close(&self, id: &str) -> bool {
        self.take_and_order(id, Order::Close)
    }

    /// Makes a connection vanish without a close frame; `false` if there is none.
    pub(crate) fn vanish(&self, id: &str) -> bool {
        self.take_and_order(id, Order::Vanish)
    }

    fn take_and_order(&self, id: &str, order: Order) -> bool {
        let connection = self.lock().remove(id);
        connection.inspect(|connection| connection.order(order)).is_some()
    }

    /// Every live connection, for the control API.
    pub(crate) fn describe(&self) -> Value {
        let describe = |connection: &Arc<Connection>| {
            json!({
                "connection": connection.id,
                "connected_at": connection.connected_at.to_string(),
                "last_active_at": connection.last_active().to_string(),
                "source_ip": connection.source_ip,
                "user_agent": connection.user_agent,
                "authorizer": connection.authorizer,
            })
        };
        self.lock().values().map(describe).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Connection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's id as it stands in a URL.
pub(crate) fn decode_id(segment: &str) -> String {
    percent_decode(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_queued_until_the_client_is_too_slow_or_gone() {
        let registry = Registry::default();
        let (connection, queue) = Connection::new("a=".to_owned(), String::new(), None, String::new());
        assert_eq!(registry.post("a=", "x".to_owned()), Posted::Gone);
        registry.insert(&Arc::new(connection));
        for _ in 0..OUTBOX {
            assert_eq!(registry.post("a=", "x".to_owned()), Posted::Queued);
        }
        assert_eq!(registry.post("a=", "x".to_owned()), Posted::Full);
        drop(queue);
        assert_eq!(registry.post("a=", "x".to_owned()), Posted::Gone);
        assert!(registry.close("a="));
        assert!(!registry.close("a="));
    }
}
