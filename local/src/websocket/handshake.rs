//! The handshake of a WebSocket: the authorizer decides, then `$connect` does.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_PROTOCOL},
    http::request::Parts,
};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::{
    authorizer::{Verdict, judge},
    event::{self, Happening},
    frame::INTEGRATION_TIMEOUT,
    gateway::WebSocketGateway,
    registry::Connection,
    socket,
};
use crate::{
    gateway::{header, random_id, report_shape},
    serve::{Request, Response, json as json_response},
    template::{Authorizer, Integration, WebSocketApi},
};

/// The longest URL that API Gateway takes.
const URL_LIMIT: usize = 4096;

/// Answers a handshake; an `Err` is a refusal.
pub(super) async fn answer(
    gateway: Arc<WebSocketGateway>,
    mut request: Request,
    source: SocketAddr,
) -> Result<Response, Response> {
    let Some(api) = gateway.api.clone() else { return Err(message(StatusCode::FORBIDDEN, "Forbidden")) };
    if request.uri().to_string().len() > URL_LIMIT {
        return Err(message(StatusCode::URI_TOO_LONG, "URI Too Long"));
    }
    let mut accepted = create_response_with_body(&request, Full::<Bytes>::default)
        .map_err(|_| message(StatusCode::UPGRADE_REQUIRED, "Upgrade Required"))?;
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, _) = request.into_parts();
    let (mut connection, queue) = Connection::new(
        random_id(),
        source.ip().to_string(),
        header(&parts.headers, "user-agent").map(str::to_owned),
        header(&parts.headers, "host").unwrap_or_default().to_owned(),
    );
    let request_id = random_id();
    if let Some(authorizer) = &api.authorizer {
        let context = authorize(&gateway, &api, authorizer, &connection, &parts, &request_id).await?;
        connection.authorizer = Some(context);
    }
    let subprotocol = connect(&gateway, &api, &connection, &parts, &request_id).await?;
    if let Some(subprotocol) = subprotocol {
        accepted.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    // Posts reach the connection from now on. They wait in its queue until the client has the answer.
    let connection = Arc::new(connection);
    gateway.registry.insert(&connection);
    tokio::spawn(socket::live(gateway, connection, queue, upgrade));
    Ok(accepted)
}

async fn authorize(
    gateway: &WebSocketGateway,
    api: &WebSocketApi,
    authorizer: &Authorizer,
    connection: &Connection,
    parts: &Parts,
    request_id: &str,
) -> Result<Map<String, Value>, Response> {
    let event = event::authorizer(api, connection, request_id, parts);
    let began = Instant::now();
    let refused = |status, text: &str| refusal(status, text, connection, request_id);
    let outcome = timeout(INTEGRATION_TIMEOUT, gateway.lambda.invoke(&authorizer.function, &event)).await;
    let outcome = outcome.map_err(|_| refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))?;
    let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let not_authorized = "User is not authorized to access this resource";
    match judge(&outcome, &event::method_arn(api), latency) {
        Verdict::Allow(context) => Ok(context),
        Verdict::Unauthorized => Err(refused(StatusCode::UNAUTHORIZED, "Unauthorized")),
        Verdict::Deny { explicit: true } => {
            Err(refused(StatusCode::FORBIDDEN, &format!("{not_authorized} with an explicit deny")))
        }
        Verdict::Deny { explicit: false } => Err(refused(StatusCode::FORBIDDEN, not_authorized)),
        Verdict::Broken => {
            if outcome.is_ok() {
                report_shape(&authorizer.function);
            }
            Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error"))
        }
    }
}

/// Has `$connect` decide, and returns the subprotocol that it chose.
async fn connect(
    gateway: &WebSocketGateway,
    api: &WebSocketApi,
    connection: &Connection,
    parts: &Parts,
    request_id: &str,
) -> Result<Option<HeaderValue>, Response> {
    let Some(Integration::Function(function)) = api.routes.get("$connect").map(|route| &route.integration) else {
        return Ok(None);
    };
    let event = event::proxy(api, connection, "$connect", request_id, &Happening::Connect(parts));
    let failed = |status| refusal(status, "Internal server error", connection, request_id);
    let outcome = timeout(INTEGRATION_TIMEOUT, gateway.lambda.invoke(function, &event)).await;
    let result =
        outcome.map_err(|_| failed(StatusCode::GATEWAY_TIMEOUT))?.map_err(|_| failed(StatusCode::BAD_GATEWAY))?;
    let result: Value = serde_json::from_slice(&result).unwrap_or_default();
    let Some(status) = status_of(&result) else {
        report_shape(function);
        return Err(failed(StatusCode::BAD_GATEWAY));
    };
    if status.is_success() {
        Ok(header_of(&result, "sec-websocket-protocol"))
    } else {
        Err(refusal_of(status, &result))
    }
}

fn status_of(result: &Value) -> Option<StatusCode> {
    let status = result.get("statusCode")?;
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}

/// The function's own refusal: its status and its body.
fn refusal_of(status: StatusCode, result: &Value) -> Response {
    let text = result["body"].as_str().unwrap_or_default();
    let encoded = result["isBase64Encoded"] == true;
    let body = if encoded { STANDARD.decode(text).unwrap_or_default().into() } else { Bytes::from(text.to_owned()) };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let content_type = header_of(result, "content-type");
    response.headers_mut().insert(CONTENT_TYPE, content_type.unwrap_or(HeaderValue::from_static("text/plain")));
    response
}

/// A header of a function's result, whatever the case of its name.
fn header_of(result: &Value, name: &str) -> Option<HeaderValue> {
    let headers = result["headers"].as_object()?;
    let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    HeaderValue::from_str(value.as_str()?).ok()
}

/// A refusal of API Gateway's own.
fn refusal(status: StatusCode, text: &str, connection: &Connection, request_id: &str) -> Response {
    json_response(status, &json!({ "message": text, "connectionId": connection.id, "requestId": request_id }))
}

fn message(status: StatusCode, text: &str) -> Response {
    json_response(status, &json!({ "message": text }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_number_or_a_text_that_is_one() {
        assert_eq!(status_of(&json!({"statusCode": 200})), Some(StatusCode::OK));
        assert_eq!(status_of(&json!({"statusCode": "403"})), Some(StatusCode::FORBIDDEN));
        assert_eq!(status_of(&json!({"statusCode": "x"})), None);
        assert_eq!(status_of(&json!(null)), None);
    }

    #[test]
    fn a_header_is_found_whatever_its_case() {
        let result = json!({"headers": {"Sec-WebSocket-Protocol": "p"}});
        assert_eq!(header_of(&result, "sec-websocket-protocol"), Some(HeaderValue::from_static("p")));
    }
}
