//! A client's frame: its route, the integration behind it, and the reply.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    event::{self, Happening},
    gateway::{MESSAGE_LIMIT, WebSocketGateway},
    registry::Connection,
};
use crate::{
    gateway::{random_id, report_shape},
    template::{Integration, WebSocketApi},
};

/// API Gateway's limit for an integration of a WebSocket API.
pub(super) const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(29);

/// Answers a frame.
pub(super) async fn answer(gateway: Arc<WebSocketGateway>, connection: Arc<Connection>, body: String) {
    let request_id = random_id();
    let Some(api) = &gateway.api else { return };
    let key = route_key(api, &body);
    let Some(route) = api.routes.get(&key) else {
        return connection.send(complaint("Forbidden", &connection.id, &request_id)).await;
    };
    let reply = match &route.integration {
        Integration::Mock(mock) => Ok(mock.body.clone()),
        Integration::Function(function) => {
            let event = event::proxy(api, &connection, &key, &request_id, &Happening::Message(&body));
            let invocation = gateway.lambda.invoke(function, &event);
            match tokio::time::timeout(INTEGRATION_TIMEOUT, invocation).await {
                Ok(Ok(result)) => reply_of(&result).inspect_err(|()| report_shape(function)),
                Ok(Err(_)) | Err(_) => Err(()),
            }
        }
    };
    match reply {
        Ok(Some(text)) if route.responds => connection.send(text).await,
        Ok(_) => {}
        Err(()) => connection.send(complaint("Internal server error", &connection.id, &request_id)).await,
    }
}

/// The route that the selection expression picks, if there is one; else `$default`.
fn route_key(api: &WebSocketApi, body: &str) -> String {
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    let selected = api.selector.iter().try_fold(&value, |value, field| value.get(field)).and_then(Value::as_str);
    // No frame takes the routes `$connect` and `$disconnect`.
    let known = selected.filter(|key| !key.starts_with('$') && api.routes.contains_key(*key));
    known.unwrap_or("$default").to_owned()
}

/// The body of a function's result, if it has one; an error if the result is not one of a proxy integration.
fn reply_of(result: &[u8]) -> Result<Option<String>, ()> {
    let result: Value = serde_json::from_slice(result).map_err(|_| ())?;
    match (&result, result.get("statusCode"), result.get("body")) {
        (Value::Null, ..) | (_, Some(_), None | Some(Value::Null)) => Ok(None),
        (_, Some(_), Some(Value::String(body))) if body.is_empty() => Ok(None),
        (_, Some(_), Some(Value::String(body))) if body.len() <= MESSAGE_LIMIT => Ok(Some(body.clone())),
        _ => Err(()),
    }
}

/// A frame of API Gateway's own.
fn complaint(message: &str, connection: &str, request_id: &str) -> String {
    json!({ "message": message, "connectionId": connection, "requestId": request_id }).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::template::{Mock, WebSocketRoute};

    fn key_of(body: &str) -> String {
        let route = || WebSocketRoute { integration: Integration::Mock(Mock { body: None }), responds: true };
        let routes = ["$connect", "$default", "ping"].map(|key| (key.to_owned(), route()));
        let api = WebSocketApi {
            id: String::new(),
            stage: String::new(),
            selector: vec!["action".to_owned()],
            authorizer: None,
            routes: BTreeMap::from(routes),
        };
        route_key(&api, body)
    }

    #[test]
    fn a_known_action_takes_its_route_and_all_else_the_default() {
        assert_eq!(key_of(r#"{"action": "ping"}"#), "ping");
        for body in [r#"{"action": "other"}"#, r#"{"action": "$connect"}"#, r#"{"action": 1}"#, "[]", "no JSON"] {
            assert_eq!(key_of(body), "$default");
        }
    }

    #[test]
    fn a_result_is_a_reply_only_in_a_proxy_integrations_shape() {
        assert_eq!(reply_of(br#"{"statusCode": 200, "body": "x"}"#), Ok(Some("x".to_owned())));
        assert_eq!(reply_of(br#"{"statusCode": 200}"#), Ok(None));
        assert_eq!(reply_of(b"null"), Ok(None));
        assert_eq!(reply_of(br#"{"body": "x"}"#), Err(()));
        assert_eq!(reply_of(br#"{"statusCode": 200, "body": {}}"#), Err(()));
        let long = json!({"statusCode": 200, "body": "x".repeat(MESSAGE_LIMIT + 1)}).to_string();
        assert_eq!(reply_of(long.as_bytes()), Err(()));
    }
}
