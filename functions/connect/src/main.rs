//! Writes a new connection's subscriber rows: the function of `$connect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};
use shared::actions::Crowd;
use shared::aws::subscribers::Subscribers;
use shared::socket::{Peer, protocols};
use shared::wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = shared::aws::clients::load().await?;
    let (subscribers, crowd) = (wiring::subscribers(&clients)?, wiring::crowd(clients)?);
    lambda_runtime::run(service_fn(|event| connect(&subscribers, crowd.as_ref(), event))).await
}

/// The subprotocol that is spoken, and the header that names it.
const PROTOCOL: &str = "tidings";
const PROTOCOLS: &str = "Sec-WebSocket-Protocol";

async fn connect(
    subscribers: &Subscribers,
    crowd: Option<&Crowd>,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<Value, lambda_runtime::Error> {
    let peer = Peer::of(&event.payload)?;
    // The authorizer has refused those that the token may not read.
    let channels = peer.claims.joined()?;
    if !subscribers.connect(&peer.connection, &channels).await? {
        // The client has gone before it came in: nobody sees this status.
        return Ok(json!({ "statusCode": 410 }));
    }
    if let Some(crowd) = crowd {
        // The new connection has its rows, and need not suffer for it.
        crowd.thin(&peer.connection).await.unwrap_or_else(|error| error.log());
    }
    if asks_for_protocol(&event.payload) {
        return Ok(json!({ "statusCode": 200, "headers": { PROTOCOLS: PROTOCOL } }));
    }
    Ok(json!({ "statusCode": 200 }))
}

/// A browser that asks for subprotocols closes the connection unless one of them is chosen (RFC 6455 section 4.1).
fn asks_for_protocol(event: &ApiGatewayWebsocketProxyRequest) -> bool {
    protocols(&event.headers, &event.multi_value_headers).any(|protocol| protocol == PROTOCOL)
}
