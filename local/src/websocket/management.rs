//! The management API: posting to a connection, looking at it, closing it.

use std::sync::Arc;

use hyper::{Method, StatusCode, header::HeaderValue};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    gateway::{MESSAGE_LIMIT, WebSocketGateway},
    registry::{Connection, Posted, Registry, decode_id},
};
use crate::{
    aws::{Call, Caller, Performed},
    faults::Action,
    gateway::percent_decode,
    iam::Right,
    serve::{Answer, BodyError, Hangup, Peer, Request, Response, json as json_response, read_body, response},
    template::arn,
};

/// The service's name in the journal and in fault rules.
pub(crate) const SERVICE: &str = "management";

/// The methods that a fault can be armed for.
pub(crate) const METHODS: [&str; 3] = ["POST", "GET", "DELETE"];

/// The target of a management call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    id: String,
    /// Whether the path begins with the stage.
    staged: bool,
}

/// The connection in `/@connections/{id}` or `/{stage}/@connections/{id}`; `None` for any other path.
pub(super) fn target(path: &str, stage: &str) -> Option<Target> {
    let ((before, id), staged) = match path.strip_prefix('/')?.split_once('/')? {
        (first, rest) if percent_decode(first) == stage => (rest.split_once('/')?, true),
        whole => (whole, false),
    };
    (percent_decode(before) == "@connections" && !id.is_empty()).then(|| Target { id: decode_id(id), staged })
}

/// Answers a management call about a connection.
pub(super) async fn answer(gateway: Arc<WebSocketGateway>, target: Target, request: Request, peer: &Peer) -> Answer {
    let Target { id, staged } = target;
    let caller = Caller::of(request.headers(), &gateway.ledger.lambda);
    if caller.access_key.is_none() {
        return Ok(error(
            403,
            "MissingAuthenticationTokenException",
            &json!({ "message": "Missing Authentication Token" }),
        ));
    }
    gateway.ledger.note_peer(SERVICE, peer, &caller);
    let method = request.method().clone();
    // A body that is too long has an answer of its own, which the journal and the faults have to see.
    let body = match read_body(request.into_body(), MESSAGE_LIMIT).await {
        Err(BodyError::Broken) => return Err(Hangup),
        body => body,
    };
    let call = Call {
        service: SERVICE,
        operation: method.to_string(),
        caller,
        connection: Some(id.clone()),
        rights: vec![right(&gateway, &method, &id)],
        ..Call::default()
    };
    let allowed = if staged || call.caller.function.is_none() {
        call.authorize()
    } else {
        // AWS has no such path; a person at a command line may leave the stage out here.
        Err("Forbidden".to_owned())
    };
    let act = async {
        Performed::free(match (allowed, body) {
            (Err(why), _) => forbidden(&why),
            (Ok(()), Ok(body)) => perform(&gateway.registry, &method, &id, &body),
            (Ok(()), Err(_)) => too_large(),
        })
    };
    gateway.ledger.perform(call, refuse, act).await
}

fn right(gateway: &WebSocketGateway, method: &Method, id: &str) -> Right {
    let (api, stage) = gateway.api.as_ref().map_or(("", ""), |api| (api.id.as_str(), api.stage.as_str()));
    let resource = arn("execute-api", &format!("{api}/{stage}/{method}/@connections/{id}"));
    Right::new("execute-api:ManageConnections", resource)
}

fn perform(registry: &Registry, method: &Method, id: &str, body: &[u8]) -> Response {
    match *method {
        Method::POST => match registry.post(id, String::from_utf8_lossy(body).into_owned()) {
            Posted::Queued => response(StatusCode::OK, "application/json", ""),
            Posted::Gone => gone(),
            Posted::Full => too_many(),
        },
        Method::GET => {
            registry.get(id).map_or_else(gone, |connection| json_response(StatusCode::OK, &describe(&connection)))
        }
        Method::DELETE if registry.close(id) => response(StatusCode::NO_CONTENT, "application/json", ""),
        Method::DELETE => gone(),
        _ => error(403, "MissingAuthenticationTokenException", &json!({ "message": "Missing Authentication Token" })),
    }
}

fn describe(connection: &Connection) -> Value {
    let time = |time: Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    json!({
        "connectedAt": time(connection.connected_at),
        "identity": { "sourceIp": connection.source_ip, "userAgent": connection.user_agent },
        "lastActiveAt": time(connection.last_active()),
    })
}

/// The answer that a fault asks for.
fn refuse(action: &Action) -> Response {
    match action {
        Action::Status(403) => forbidden("A fault that was asked for"),
        Action::Status(410) => gone(),
        Action::Status(413) => too_large(),
        Action::Status(429) => too_many(),
        Action::Status(status) => error(*status, "InternalServerErrorException", &internal()),
        Action::Error(name) => match name.as_str() {
            "ForbiddenException" => forbidden("A fault that was asked for"),
            "GoneException" => gone(),
            "PayloadTooLargeException" => too_large(),
            "LimitExceededException" => too_many(),
            other => error(500, other, &internal()),
        },
        _ => error(500, "InternalServerErrorException", &internal()),
    }
}

fn internal() -> Value {
    json!({ "message": "Internal server error" })
}

fn forbidden(why: &str) -> Response {
    error(403, "ForbiddenException", &json!({ "message": why }))
}

/// AWS sends nothing but the name.
fn gone() -> Response {
    error(410, "GoneException", &json!({}))
}

fn too_large() -> Response {
    error(413, "PayloadTooLargeException", &json!({ "message": "Request Entity Too Large" }))
}

fn too_many() -> Response {
    error(429, "LimitExceededException", &json!({ "message": "Too Many Requests" }))
}

fn error(status: u16, name: &str, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json_response(status, body);
    if let Ok(name) = HeaderValue::from_str(name) {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_found_with_and_without_the_stage() {
        for path in ["/@connections/a%3D", "/dev/@connections/a%3D", "/dev/%40connections/a="] {
            let staged = path.starts_with("/dev");
            assert_eq!(target(path, "dev"), Some(Target { id: "a=".to_owned(), staged }), "{path}");
        }
        for path in ["/", "/dev", "/other/@connections/a", "/dev/@connections/", "/@connections"] {
            assert_eq!(target(path, "dev"), None, "{path}");
        }
    }

    #[test]
    fn a_fault_is_worded_as_the_api_would() {
        let refused = refuse(&Action::Status(410));
        assert_eq!(refused.status(), StatusCode::GONE);
        assert_eq!(refused.headers()["x-amzn-errortype"], "GoneException");
        assert_eq!(refuse(&Action::Error("LimitExceededException".to_owned())).status(), StatusCode::TOO_MANY_REQUESTS);
    }
}
