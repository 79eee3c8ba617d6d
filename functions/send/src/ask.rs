//! The parts of a request, read alike by several routes.

use lambda_http::{Request, RequestExt as _};
use serde::Deserialize;
use shared::domain::channel::{Channel, Sub};
use shared::domain::claims::Claims;
use shared::domain::refusal::{Code, Refusal};
use shared::domain::request::{self, Limit};
use shared::domain::send::IdempotencyKey;
use shared::error::Error;
use shared::http::token;

use crate::app::App;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The caller's claims, from the token of the request.
pub(crate) async fn bearer(app: &App, request: &Request) -> Result<Claims, Error> {
    app.verifier.verify(token(request.headers())?).await
}

/// The key under which a repeated send counts once.
pub(crate) fn idempotency_key(request: &Request) -> Result<Option<IdempotencyKey>, Refusal> {
    let Some(value) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let text = std::str::from_utf8(value.as_bytes())
        .map_err(|_| Refusal::field_with(Code::InvalidIdempotencyKey, IDEMPOTENCY_KEY, "a key is text in UTF-8"))?;
    IdempotencyKey::parse(text, IDEMPOTENCY_KEY).map(Some)
}

/// The channel in the path.
pub(crate) fn channel(request: &Request) -> Result<Channel, Refusal> {
    Channel::parse(&parameter(request, "channel")).map_err(|reason| Refusal::field("channel", reason))
}

/// The user in the path.
pub(crate) fn sub(request: &Request) -> Result<Sub, Refusal> {
    Sub::parse(&parameter(request, "sub")).map_err(|reason| Refusal::field("sub", reason))
}

/// The id in the path.
pub(crate) fn id(request: &Request) -> String {
    parameter(request, "id")
}

/// An empty object.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Empty {}

/// Refuses a body with any field.
pub(crate) fn empty_body(request: &Request) -> Result<(), Refusal> {
    if !request::without_mark(request.body()).is_empty() {
        request::fields::<Empty>(request::object(request.body(), Limit::Little)?)?;
    }
    Ok(())
}

fn parameter(request: &Request, name: &str) -> String {
    request.path_parameters().first(name).unwrap_or_default().to_owned()
}
