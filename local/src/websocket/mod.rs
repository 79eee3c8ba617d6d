//! An API Gateway WebSocket API, and the management API beside it.

mod authorizer;
mod event;
mod frame;
mod gateway;
mod handshake;
mod management;
mod registry;
mod socket;

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::json;

pub(crate) use self::{
    gateway::{Limits, WebSocketGateway},
    management::{METHODS, SERVICE as MANAGEMENT},
    registry::{Registry, decode_id},
};
use crate::serve::{Answer, Hangup, Peer, Request, guard, json as json_response};

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
        // A handshake that has begun goes on even if the client leaves, because the functions' work is not undone.
        let handshake = tokio::spawn(handshake::answer(self, request, peer.address));
        handshake.await.map(|answer| answer.unwrap_or_else(|refusal| refusal)).map_err(|_| Hangup)
    }
}
