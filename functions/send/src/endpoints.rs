//! The routes of endpoints.

use lambda_http::{Request, Response};
use serde_json::json;
use shared::domain::endpoint::request::{Add, ReplayRequest};
use shared::domain::request::{self, Limit};
use shared::error::Error;
use shared::http::answer::{self, json};

use crate::app::App;
use crate::ask::{self, bearer};

pub(crate) async fn add(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    let channel = ask::channel(request)?;
    let add = Add::parse(request::object(request.body(), Limit::Endpoint)?.fields)?;
    Ok(json(201, &app.endpoints.add(&by, &channel, add).await?))
}

pub(crate) async fn list(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    let endpoints = app.endpoints.list(&by, &ask::channel(request)?).await?;
    Ok(json(200, &json!({ "endpoints": endpoints })))
}

pub(crate) async fn look(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    Ok(json(200, &app.endpoints.look(&by, &ask::channel(request)?, &ask::id(request)).await?))
}

pub(crate) async fn remove(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    app.endpoints.remove(&by, &ask::channel(request)?, &ask::id(request)).await?;
    Ok(answer::nothing())
}

pub(crate) async fn rotate(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    ask::empty_body(request)?;
    Ok(json(200, &app.endpoints.rotate(&by, &ask::channel(request)?, &ask::id(request)).await?))
}

pub(crate) async fn replay(app: &App, request: &Request) -> Result<Response<String>, Error> {
    let by = bearer(app, request).await?;
    let from: ReplayRequest = request::fields(request::object(request.body(), Limit::Little)?)?;
    Ok(json(202, &app.endpoints.replay(&by, &ask::channel(request)?, &ask::id(request), from).await?))
}
