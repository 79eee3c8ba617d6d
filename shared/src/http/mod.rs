//! Parts of all HTTP functions: their answers, and the token of a request.

pub mod answer;

use domain::refusal::{Code, Refusal};
use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The bearer token (RFC 6750 section 2.1).
///
/// # Errors
/// `missing_token`.
pub fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    header.and_then(bearer).ok_or_else(|| Refusal::new(Code::MissingToken, "send `Authorization: Bearer <token>`"))
}

/// The token in the value of the header `Authorization`; `None` where it is of another scheme.
#[must_use]
pub fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
