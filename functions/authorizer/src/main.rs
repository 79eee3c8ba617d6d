//! Decides who may open a WebSocket: `$connect`'s REQUEST authorizer.

mod handshake;

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};
use shared::domain::claims::Claims;
use shared::domain::refusal::{Code, Refusal};
use shared::error::Error;
use shared::settings::TokenSettings;
use shared::socket::CLAIMS;
use shared::tokens::Verifier;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let config = shared::aws::clients::load().await;
    let verifier = Verifier::load(&config, TokenSettings::from_env()?).await?;
    lambda_runtime::run(service_fn(|event| authorize(&verifier, event))).await
}

/// API Gateway answers 401 where the function fails with just this text, 403 where the policy denies, and 500 otherwise.
const UNAUTHORIZED: &str = "Unauthorized";

async fn authorize(
    verifier: &Verifier,
    event: LambdaEvent<ApiGatewayCustomAuthorizerRequestTypeRequest>,
) -> Result<Value, lambda_runtime::Error> {
    let request = event.payload;
    let route = request.method_arn.clone().unwrap_or_default();
    match admit(verifier, &request).await {
        Ok(claims) => allow(&route, &claims),
        Err(Error::Refused(refusal)) => {
            // Not the detail, which repeats parts of the token.
            tracing::info!(code = refusal.code.as_str(), field = refusal.field, "refused a connection");
            if refusal.code.status_and_title().0 == 401 { Err(UNAUTHORIZED.into()) } else { Ok(deny(&route)) }
        }
        Err(error) => Err(error.into()),
    }
}

async fn admit(verifier: &Verifier, request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Result<Claims, Error> {
    let token = handshake::token(request).ok_or_else(|| {
        Refusal::new(
            Code::MissingToken,
            "give a token as `?token=` or as the subprotocol pair `tidings, bearer.<token>`",
        )
    })?;
    let claims = verifier.verify(token).await?;
    claims.joined()?;
    Ok(claims)
}

fn allow(route: &str, claims: &Claims) -> Result<Value, lambda_runtime::Error> {
    Ok(json!({
        "principalId": claims.sub.as_str(),
        "policyDocument": policy("Allow", route),
        "context": { CLAIMS: serde_json::to_string(claims)? },
    }))
}

fn deny(route: &str) -> Value {
    json!({ "principalId": "refused", "policyDocument": policy("Deny", route) })
}

fn policy(effect: &str, route: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Action": "execute-api:Invoke", "Effect": effect, "Resource": route }],
    })
}
