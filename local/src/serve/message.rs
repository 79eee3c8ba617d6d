//! Requests and responses, whole bodies, and the way to drop a connection without an answer.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Request as HttpRequest, StatusCode, body::Incoming};
use serde_json::Value;

/// A request.
pub(crate) type Request = HttpRequest<Incoming>;
/// A whole response.
pub(crate) type Response = hyper::Response<Full<Bytes>>;

/// Asks the server to drop the TCP connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is dropped on purpose")]
pub(crate) struct Hangup;

/// A handler's result: an answer, or a hang-up.
pub(crate) type Answer = Result<Response, Hangup>;

/// The reasons for which a request's body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is longer than the limit.
    #[error("the body is too long")]
    TooLong,
    /// The client went away.
    #[error("the body ended early")]
    Broken,
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_body(mut body: Incoming, limit: usize) -> Result<Bytes, BodyError> {
    match Limited::new(&mut body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            // Read to its end: an unread part would break the connection, and with it the client's next request.
            while let Some(Ok(_)) = body.frame().await {}
            Err(BodyError::TooLong)
        }
        Err(_) => Err(BodyError::Broken),
    }
}

/// A response of a status, a content type and a body.
pub(crate) fn response(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, hyper::header::HeaderValue::from_static(content_type));
    response
}

/// A JSON response.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    response(status, "application/json", body.to_string())
}
