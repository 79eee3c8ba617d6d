//! Answers the frames of a WebSocket: the function of `$default`.

mod answer;
mod handle;

use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

use handle::App;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let clients = shared::aws::clients::load().await?;
    let app = App::load(&clients)?;
    lambda_runtime::run(service_fn(|event| message(&app, event))).await
}

async fn message(
    app: &App,
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<Value, lambda_runtime::Error> {
    app.handle(event.payload, event.context.deadline()).await?;
    Ok(json!({ "statusCode": 200 }))
}
