//! What a request carries besides its body.

use lambda_http::{Request, RequestExt as _};
use shared::domain::channel::{Channel, Sub};
use shared::domain::refusal::{Code, Refusal};
use shared::domain::send::IdempotencyKey;

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What makes a repeated send one.
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

fn parameter(request: &Request, name: &str) -> String {
    request.path_parameters().first(name).unwrap_or_default().to_owned()
}
