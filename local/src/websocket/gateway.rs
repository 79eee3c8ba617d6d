//! The parts of a WebSocket API, and its limits.

use std::{sync::Arc, time::Duration};

use super::registry::Registry;
use crate::{aws::Ledger, lambda::Lambda, template::WebSocketApi};

/// API Gateway's limit for a frame.
pub(super) const FRAME_LIMIT: usize = 32 * 1024;
/// API Gateway's limit for a whole message.
pub(super) const MESSAGE_LIMIT: usize = 128 * 1024;

/// How long a connection may last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Without a word on it.
    pub(crate) idle: Duration,
    /// In all.
    pub(crate) lifetime: Duration,
}

/// Serves a WebSocket API.
#[derive(Debug)]
pub(crate) struct WebSocketGateway {
    /// The API, if the template has one.
    pub(crate) api: Option<WebSocketApi>,
    /// The functions behind it.
    pub(crate) lambda: Arc<Lambda>,
    /// The live connections.
    pub(crate) registry: Arc<Registry>,
    /// What every management call goes through.
    pub(crate) ledger: Ledger,
    /// How long a connection may last.
    pub(crate) limits: Limits,
}
