//! The routes of the HTTP API, but for those of `poll`.

use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _, Response};
use serde::Deserialize;
use serde_json::json;
use shared::domain::request::{self, Limit};
use shared::domain::send::SendRequest;
use shared::domain::seq::Seq;
use shared::error::Error;
use shared::http::answer::json;

use crate::app::App;
use crate::ask::{self, bearer};
use crate::endpoints;

pub(crate) async fn route(app: &App, request: &Request) -> Result<Response<String>, Error> {
    match route_key(request).as_deref() {
        Some("POST /v1/notifications") => send(app, request).await,
        Some("GET /v1/notifications/{id}") => what_became(app, request).await,
        Some("DELETE /v1/notifications/{id}") => cancel(app, request).await,
        Some("GET /v1/channels/{channel}") => look(app, request).await,
        Some("POST /v1/channels/{channel}/read") => read(app, request).await,
        Some("POST /v1/channels/{channel}/endpoints") => endpoints::add(app, request).await,
        Some("GET /v1/channels/{channel}/endpoints") => endpoints::list(app, request).await,
        Some("GET /v1/channels/{channel}/endpoints/{id}") => endpoints::look(app, request).await,
        Some("DELETE /v1/channels/{channel}/endpoints/{id}") => endpoints::remove(app, request).await,
        Some("POST /v1/channels/{channel}/endpoints/{id}/rotate") => endpoints::rotate(app, request).await,
        Some("POST /v1/channels/{channel}/endpoints/{id}/replay") => endpoints::replay(app, request).await,
        Some("DELETE /v1/users/{sub}/connections") => disconnect(app, request).await,
        Some("POST /v1/tickets") => ticket(app, request).await,
        Some("GET /v1/health") => Ok(health()),
        other => Err(Error::Failed { call: "route", cause: format!("{other:?} is in the template but not here") }),
    }
}

/// The route that API Gateway has chosen: the template names them, and no other comes here. HEAD is answered as GET, and
/// API Gateway leaves out the body.
fn route_key(request: &Request) -> Option<String> {
    let RequestContext::ApiGatewayV2(context) = request.request_context_ref()? else {
        return None;
    };
    let key = context.route_key.as_deref()?;
    Some(key.strip_prefix("HEAD ").map_or_else(|| key.to_owned(), |path| format!("GET {path}")))
}

async fn send(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let publisher = bearer(app, request).await?;
    let key = ask::idempotency_key(request)?;
    let send = SendRequest::parse(request::object(request.body(), Limit::Notification)?)?;
    let sent = app.sender.send(&publisher, &send, key.as_ref()).await?;
    Ok(json(202, &sent))
}

async fn what_became(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    Ok(json(200, &app.notifications.look(&by, &ask::id(request)).await?))
}

async fn cancel(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    Ok(json(200, &app.notifications.cancel(&by, &ask::id(request)).await?))
}

async fn look(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let reader = bearer(app, request).await?;
    let channel = ask::channel(request)?;
    Ok(json(200, &app.channels.look(&reader, channel).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    seq: Seq,
}

async fn read(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let reader = bearer(app, request).await?;
    let channel = ask::channel(request)?;
    let mark: Mark = request::fields(request::object(request.body(), Limit::Little)?)?;
    Ok(json(200, &app.inboxes.mark_read(&app.allowances, &reader, channel, mark.seq).await?))
}

async fn disconnect(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    let sub = ask::sub(request)?;
    let connections = app.disconnector.disconnect(&by, &sub).await?;
    Ok(json(200, &json!({ "connections": connections })))
}

async fn ticket(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let claims = bearer(app, request).await?;
    ask::empty_body(request)?;
    Ok(json(201, &app.tickets.issue(&claims, &app.verifier).await?))
}

fn health() -> Response<String> {
    json(200, &json!({ "status": "up", "version": env!("CARGO_PKG_VERSION") }))
}
