//! Answers in JSON, and problems as RFC 9457 writes them.

use domain::refusal::Refusal;
use http::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use serde::Serialize;
use serde_json::json;

use crate::error::Error;

/// An answer with this status.
#[must_use]
pub fn json(status: u16, value: &impl Serialize) -> Response<String> {
    // Our answers are structs of strings and numbers, which have no way to fail.
    text(status, serde_json::to_string(value).unwrap_or_default())
}

/// An answer with this status, whose body is JSON already.
#[must_use]
pub fn text(status: u16, json: String) -> Response<String> {
    respond(status, "application/json", json)
}

/// That a request was done, and there is nothing to say.
#[must_use]
pub fn nothing() -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = http::StatusCode::NO_CONTENT;
    protect(&mut response);
    response
}

/// Why a request was refused.
#[must_use]
pub fn problem(refusal: &Refusal) -> Response<String> {
    let code = refusal.code.as_str();
    let (status, title) = refusal.code.status_and_title();
    let mut problem = json!({
        "type": format!("urn:tidings:problem:{code}"),
        "title": title,
        "status": status,
        "detail": refusal.detail,
        "code": code,
    });
    if let Some(field) = &refusal.field {
        problem["field"] = json!(field);
    }
    let mut response = respond(status, "application/problem+json", problem.to_string());
    if status == 401 {
        add(&mut response, WWW_AUTHENTICATE, "Bearer");
    }
    if let Some(seconds) = refusal.retry_after.or((status == 503).then_some(1)) {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// The answer to a request that was not done: it says why. A failure that the operator has to know is logged.
#[must_use]
pub fn failure(error: &Error) -> Response<String> {
    error.log();
    problem(&error.refusal())
}

fn respond(status: u16, kind: &'static str, body: String) -> Response<String> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    add(&mut response, CONTENT_TYPE, kind);
    // What is true now, and told to one who may know it.
    add(&mut response, CACHE_CONTROL, "no-store");
    protect(&mut response);
    response
}

/// Tells browsers to take an answer for nothing but its content type, and to come back over TLS only, for a year and not for other hosts
/// of the domain. (Over plain http, on one machine, they ignore the latter: RFC 6797 section 8.1.)
pub fn protect(response: &mut Response<String>) {
    add(response, X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(response, STRICT_TRANSPORT_SECURITY, "max-age=31536000");
}

fn add(response: &mut Response<String>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}
