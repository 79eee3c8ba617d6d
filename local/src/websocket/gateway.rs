//! The parts of a WebSocket API, and its limits.

use std::{sync::Arc, time::Duration};

use super::registry::Registry;
use crate::{aws::Ledger, lambda::Lambda, template::WebSocketApi};

/// API Gateway's limit for a frame.
pub(super) const FRAME_LIMIT: usize = 32 * 1024;
/// API Gateway's limit for a whole message.
pub(super) const MESSAGE_LIMIT: usize = 128 * 1024;

/// The limits on the life of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The time without a message.
    pub(crate) idle: Duration,
    /// The time in all.
    pub(crate) lifetime: Duration,
}

/// A WebSocket API and its parts.
#[derive(Debug)]
pub(crate) struct WebSocketGateway {
    /// The API, if the template has one.
    pub(crate) api: Option<WebSocketApi>,
    /// The functions behind it.
    pub(crate) lambda: Arc<Lambda>,
    /// The live connections.
    pub(crate) registry: Arc<Registry>,
    /// Faults and the record of calls, for management calls.
    pub(crate) ledger: Ledger,
    /// The limits on a connection's life.
    pub(crate) limits: Limits,
}
