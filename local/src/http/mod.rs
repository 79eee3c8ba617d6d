//! An API Gateway HTTP API.

mod answer;
mod cors;
mod event;
mod route;
mod throttle;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    StatusCode,
    header::{HeaderValue, ORIGIN},
};
use serde_json::json;

use crate::{
    gateway::{random_id, report_shape},
    lambda::Lambda,
    serve::{Answer, BodyError, Hangup, Peer, Request, Response, json as json_response, read_body},
    template::HttpApi,
};

pub(crate) use self::throttle::Throttles;

/// API Gateway's limits for a request's body and for an integration.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// The page for people. It may have this machine's secret in it, so no page of any origin may read it.
const PAGE: &str = "/";

/// Serves an HTTP API.
#[derive(Debug)]
pub(crate) struct HttpGateway {
    /// The API, if the template has one.
    pub(crate) api: Option<HttpApi>,
    /// The functions behind it.
    pub(crate) lambda: Arc<Lambda>,
    /// The limits of its routes.
    pub(crate) throttles: Throttles,
}

impl HttpGateway {
    /// Answers a request.
    pub(crate) async fn answer(self: Arc<Self>, request: Request, peer: Arc<Peer>) -> Answer {
        let id = random_id();
        let mut response = self.respond_across_origins(request, &peer, &id).await?;
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert("apigw-requestid", id);
        }
        Ok(response)
    }

    async fn respond_across_origins(&self, request: Request, peer: &Peer, id: &str) -> Answer {
        let cors = self.api.as_ref().and_then(|api| api.cors.as_ref()).filter(|_| request.uri().path() != PAGE);
        let Some(cors) = cors else {
            return self.respond(request, peer, id).await;
        };
        if let Some(response) = cors::preflight(cors, request.method(), request.headers()) {
            return Ok(response);
        }
        let origin = request.headers().get(ORIGIN).cloned();
        let mut response = self.respond(request, peer, id).await?;
        cors::mark(cors, origin.as_ref(), response.headers_mut());
        Ok(response)
    }

    async fn respond(&self, request: Request, peer: &Peer, id: &str) -> Answer {
        let (parts, body) = request.into_parts();
        let found = self
            .api
            .as_ref()
            .and_then(|api| Some((api, route::select(&api.routes, parts.method.as_str(), parts.uri.path())?)));
        let Some((api, found)) = found else {
            return Ok(message(StatusCode::NOT_FOUND, "Not Found"));
        };
        if !self.throttles.admit(&found.route.key, Instant::now()) {
            return Ok(message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
        }
        let body = match read_body(body, BODY_LIMIT).await {
            Ok(body) => body,
            Err(BodyError::TooLong) => return Ok(message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")),
            Err(BodyError::Broken) => return Err(Hangup),
        };
        let event = event::event(&api.id, &found, &parts, &body, peer.address, id);
        let invocation = self.lambda.invoke(&found.route.function, &event);
        Ok(match tokio::time::timeout(INTEGRATION_TIMEOUT, invocation).await {
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Ok(result)) => answer::response(&result).unwrap_or_else(|| {
                report_shape(&found.route.function);
                failed()
            }),
            Ok(Err(error)) if error.kind == "RequestEntityTooLargeException" => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Err(_)) => failed(),
        })
    }
}

fn failed() -> Response {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn message(status: StatusCode, text: &str) -> Response {
    json_response(status, &json!({ "message": text }))
}
