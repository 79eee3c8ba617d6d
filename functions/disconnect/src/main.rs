//! Removes a closed connection's subscriber rows: the function of `$disconnect`.

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};
use shared::aws::subscribers::Subscribers;
use shared::clock;
use shared::settings;
use shared::socket::{InvalidEvent, Peer};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = shared::aws::clients::load().await?;
    let subscribers = Subscribers::new(&clients, settings::subscribers_table()?);
    lambda_runtime::run(service_fn(|event| disconnect(&subscribers, event))).await
}

async fn disconnect(
    subscribers: &Subscribers,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<Value, lambda_runtime::Error> {
    match Peer::of(&event.payload) {
        Ok(peer) => {
            subscribers.disconnect(&peer.connection, clock::now()).await?;
        }
        // API Gateway does not promise the authorizer's context here. Without it nobody knows whose connection this was;
        // the next post to it answers 410, and removes its row.
        Err(InvalidEvent::NoClaims) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(json!({ "statusCode": 200 }))
}
