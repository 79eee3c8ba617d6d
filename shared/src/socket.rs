//! The parts of API Gateway's events that the WebSocket functions need.

use aws_lambda_events::apigw::{ApiGatewayWebsocketProxyRequest, ApiGatewayWebsocketProxyRequestContext};
use domain::claims::Claims;
use domain::connection::ConnectionId;
use domain::time::Millis;
use http::HeaderMap;

use crate::aws::subscribers::Connection;

/// The name under which the authorizer hands the claims on. API Gateway takes scalars only, so they go as JSON.
pub const CLAIMS: &str = "claims";

/// The values of a handshake's header, one for each line of that name. `several` is the event's `multiValueHeaders`, which
/// has them all; its `headers` has the last, and counts where an emulator sends only that.
pub fn header_lines<'a>(headers: &'a HeaderMap, several: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a str> {
    let of = if several.contains_key(name) { several } else { headers };
    of.get_all(name).into_iter().filter_map(|value| value.to_str().ok())
}

/// The subprotocols that a client offers, which may stand in several lines (RFC 6455 section 11.3.4).
pub fn protocols<'a>(headers: &'a HeaderMap, several: &'a HeaderMap) -> impl Iterator<Item = &'a str> {
    header_lines(headers, several, "sec-websocket-protocol").flat_map(|line| line.split(',')).map(str::trim)
}

/// An event that lacks what API Gateway always sends.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// It names no connection.
    #[error("the event has no connectionId")]
    NoConnection,
    /// It carries no claims.
    #[error("the event has no claims of the authorizer")]
    NoClaims,
    /// It carries claims, but not in the authorizer's form.
    #[error("the event's claims are not the authorizer's")]
    Claims,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The claims that the authorizer verified when the connection was opened.
    pub claims: Claims,
    /// The connection.
    pub connection: Connection,
}

impl Peer {
    /// Reads it from an event.
    ///
    /// # Errors
    /// The event is not one of a connection that our authorizer let in.
    pub fn of(event: &ApiGatewayWebsocketProxyRequest) -> Result<Self, InvalidEvent> {
        let context = &event.request_context;
        let id = context.connection_id.clone().ok_or(InvalidEvent::NoConnection)?;
        let claims = claims(context)?;
        let connection = Connection {
            id: ConnectionId(id),
            inbox: claims.inbox(),
            connected_at: Millis(context.connected_at),
            token_expires_at: claims.exp,
        };
        Ok(Self { claims, connection })
    }
}

fn claims(context: &ApiGatewayWebsocketProxyRequestContext) -> Result<Claims, InvalidEvent> {
    let claims = context.authorizer.fields.get(CLAIMS).and_then(|claims| claims.as_str());
    // Without serde's words, which repeat what was claimed, for the log.
    serde_json::from_str(claims.ok_or(InvalidEvent::NoClaims)?).map_err(|_| InvalidEvent::Claims)
}
