//! An API Gateway WebSocket API, and the management API beside it.

mod authorizer;
mod event;
mod frame;
mod handshake;
mod management;
mod registry;
mod socket;

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use serde_json::json;

pub(crate) use self::{
    management::{METHODS, SERVICE as MANAGEMENT},
    registry::{Registry, decode_id},
};
use crate::{
    aws::Ledger,
    lambda::Lambda,
    serve::{Answer, Hangup, Peer, Request, guard, json as json_response},
    template::WebSocketApi,
};

/// API Gateway's limits for a frame and for a whole message.
const FRAME_LIMIT: usize = 32 * 1024;
const MESSAGE_LIMIT: usize = 128 * 1024;

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

impl WebSocketGateway {
    /// Answers a request: a handshake, or a management call.
    pub(crate) async fn answer(self: Arc<Self>, request: Request, peer: Arc<Peer>) -> Answer {
        let path = request.uri().path();
        let stage = self.api.as_ref().map(|api| api.stage.clone()).unwrap_or_default();
        if let Some(target) = management::target(path, &stage) {
            if guard::is_of_a_page(request.headers()) {
                return Ok(guard::no_page());
            }
            return management::answer(self, target, request, &peer).await;
        }
        if path != "/" && path.trim_matches('/') != stage {
            return Ok(json_response(StatusCode::FORBIDDEN, &json!({ "message": "Forbidden" })));
        }
        // A handshake that has begun goes on even if the client leaves: the functions' work is not undone.
        let handshake = tokio::spawn(handshake::answer(self, request, peer.address));
        handshake.await.map(|answer| answer.unwrap_or_else(|refusal| refusal)).map_err(|_| Hangup)
    }
}
