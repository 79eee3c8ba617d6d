//! Decides who may open a WebSocket: `$connect`'s REQUEST authorizer.

mod handshake;
mod log;

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};
use shared::actions::Tickets;
use shared::aws::ticket::TicketRows;
use shared::domain::claims::Claims;
use shared::domain::refusal::{Code, Refusal};
use shared::error::Error;
use shared::settings::{self, TokenSettings};
use shared::socket::CLAIMS;
use shared::tokens::Verifier;

use handshake::Credentials;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::init();
    let clients = shared::aws::clients::load().await?;
    let verifier = Verifier::load(&clients, TokenSettings::from_env()?).await?;
    let tickets = Tickets::new(TicketRows::new(&clients, settings::once_table()?));
    let admission = Admission { verifier, tickets };
    lambda_runtime::run(service_fn(|event| authorize(&admission, event))).await
}

/// The admission of connections.
struct Admission {
    verifier: Verifier,
    tickets: Tickets,
}

/// API Gateway answers 401 where the function fails with just this text, 403 where the policy denies, and 500 otherwise.
pub(crate) const UNAUTHORIZED: &str = "Unauthorized";

async fn authorize(
    admission: &Admission,
    event: LambdaEvent<ApiGatewayCustomAuthorizerRequestTypeRequest>,
) -> Result<Value, lambda_runtime::Error> {
    let request = event.payload;
    let route = request.method_arn.clone().unwrap_or_default();
    match admission.admit(&request).await {
        Ok(claims) => allow(&route, &claims, admission.verifier.caller(&claims).await),
        Err(Error::Refused(refusal)) => {
            tracing::info!("refused a connection: {}", refusal.logged());
            if refusal.code.status_and_title().0 == 401 { Err(UNAUTHORIZED.into()) } else { Ok(deny(&route)) }
        }
        Err(error) => Err(error.into()),
    }
}

impl Admission {
    async fn admit(&self, request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Result<Claims, Error> {
        let claims = match handshake::credentials(request) {
            Some(Credentials::Token(token)) => self.verifier.verify(token).await?,
            Some(Credentials::Ticket(ticket)) => self.tickets.take(ticket, &self.verifier).await?,
            None => {
                let ways = "give a token, as the subprotocol `bearer.<token>`, as `Authorization: Bearer <token>` or as \
                            `?token=`, or a ticket, as `?ticket=`";
                return Err(Refusal::new(Code::MissingToken, ways).into());
            }
        };
        claims.joined()?;
        Ok(claims)
    }
}

/// The access log has the caller's code, where there is one.
fn allow(route: &str, claims: &Claims, caller: Option<String>) -> Result<Value, lambda_runtime::Error> {
    let mut context = json!({ CLAIMS: serde_json::to_string(claims)? });
    if let Some(caller) = caller {
        context["caller"] = json!(caller);
    }
    Ok(json!({ "principalId": claims.sub.as_str(), "policyDocument": policy("Allow", route), "context": context }))
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
