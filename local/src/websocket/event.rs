//! The events that functions get from a WebSocket API.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html>

use hyper::http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::registry::Connection;
use crate::{
    gateway::{domain, log_time, query_pairs, random_id},
    template::{WebSocketApi, arn},
};

/// A happening on a connection.
#[derive(Debug)]
pub(crate) enum Happening<'a> {
    /// A client asks for a WebSocket.
    Connect(&'a Parts),
    /// A frame arrived.
    Message(&'a str),
    /// The connection ended.
    Disconnect(&'a Ending),
}

/// The end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The WebSocket close code.
    pub(crate) code: u16,
    /// The reason beside it.
    pub(crate) reason: String,
}

/// The event for a proxy integration of a route.
pub(crate) fn proxy(
    api: &WebSocketApi,
    connection: &Connection,
    route: &str,
    request_id: &str,
    what: &Happening<'_>,
) -> Value {
    let mut event = json!({
        "requestContext": context(api, connection, route, request_id, what),
        "isBase64Encoded": false,
    });
    match what {
        Happening::Connect(parts) => extend(&mut event, request_fields(parts, connection, false)),
        Happening::Message(body) => event["body"] = json!(body),
        Happening::Disconnect(_) => {
            let own =
                [("Host", connection.host.as_str()), ("X-Forwarded-For", ""), ("x-api-key", ""), ("x-restapi", "")];
            extend(&mut event, header_fields(own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()))));
        }
    }
    event
}

/// The event for a REQUEST authorizer.
pub(crate) fn authorizer(api: &WebSocketApi, connection: &Connection, request_id: &str, parts: &Parts) -> Value {
    let mut event = json!({
        "type": "REQUEST",
        "methodArn": method_arn(api),
        "stageVariables": {},
        "requestContext": context(api, connection, "$connect", request_id, &Happening::Connect(parts)),
    });
    extend(&mut event, request_fields(parts, connection, true));
    event
}

/// The ARN that an authorizer's policy must allow.
pub(crate) fn method_arn(api: &WebSocketApi) -> String {
    arn("execute-api", &format!("{}/{}/$connect", api.id, api.stage))
}

fn context(api: &WebSocketApi, connection: &Connection, route: &str, request_id: &str, what: &Happening<'_>) -> Value {
    let now = Timestamp::now();
    let mut context = json!({
        "routeKey": route,
        "extendedRequestId": request_id,
        "requestTime": log_time(now),
        "messageDirection": "IN",
        "stage": api.stage,
        "connectedAt": connection.connected_at.as_millisecond(),
        "requestTimeEpoch": now.as_millisecond(),
        "identity": { "sourceIp": connection.source_ip },
        "requestId": request_id,
        "domainName": domain(&api.id),
        "connectionId": connection.id,
        "apiId": api.id,
    });
    if let Some(user_agent) = &connection.user_agent {
        context["identity"]["userAgent"] = json!(user_agent);
    }
    if let Some(authorizer) = &connection.authorizer {
        context["authorizer"] = json!(authorizer);
    }
    match what {
        Happening::Connect(_) => context["eventType"] = json!("CONNECT"),
        Happening::Message(_) => {
            context["eventType"] = json!("MESSAGE");
            context["messageId"] = json!(random_id());
        }
        Happening::Disconnect(ending) => {
            context["eventType"] = json!("DISCONNECT");
            context["disconnectStatusCode"] = json!(ending.code);
            context["disconnectReason"] = json!(ending.reason);
        }
    }
    context
}

/// Headers and query. An authorizer gets an empty query where a proxy integration gets none.
fn request_fields(parts: &Parts, connection: &Connection, even_if_empty: bool) -> Value {
    let own = parts
        .headers
        .iter()
        .map(|(name, value)| (header_case(name.as_str()), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let added = [
        ("X-Forwarded-For", connection.source_ip.as_str()),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    ];
    let added = added.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut fields = header_fields(own.chain(added));
    let query = parts.uri.query().unwrap_or_default();
    if !query.is_empty() || even_if_empty {
        let (single, multiple) =
            single_and_multiple(query_pairs(query).map(|(name, value)| (name.into(), value.into())));
        fields["queryStringParameters"] = single;
        fields["multiValueQueryStringParameters"] = multiple;
    }
    fields
}

fn header_fields(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let (single, multiple) = single_and_multiple(pairs);
    json!({ "headers": single, "multiValueHeaders": multiple })
}

/// The last value of each name, and all of them.
fn single_and_multiple(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let (mut single, mut multiple) = (Map::new(), Map::<String, Value>::new());
    for (name, value) in pairs {
        single.insert(name.clone(), json!(value));
        let values = multiple.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(value));
        }
    }
    (single.into(), multiple.into())
}

fn extend(event: &mut Value, fields: Value) {
    if let (Value::Object(event), Value::Object(fields)) = (event, fields) {
        event.extend(fields);
    }
}

/// The name of a header as clients usually write it, such as `Sec-WebSocket-Key`. API Gateway hands the headers of a WebSocket on
/// unchanged.
fn header_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    let words: Vec<String> = name.split('-').map(capital).collect();
    words.join("-").replace("Websocket", "WebSocket")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::Request;

    use super::*;

    fn api() -> WebSocketApi {
        WebSocketApi {
            id: "abc".to_owned(),
            stage: "dev".to_owned(),
            selector: vec!["action".to_owned()],
            authorizer: None,
            routes: BTreeMap::new(),
        }
    }

    fn connection() -> Connection {
        Connection::new("id=".to_owned(), "127.0.0.1".to_owned(), None, "host".to_owned()).0
    }

    fn parts(uri: &str) -> Parts {
        let request = Request::get(uri).header("sec-websocket-protocol", "a, b").body(()).expect("a request");
        request.into_parts().0
    }

    #[test]
    fn a_connect_event_has_headers_and_query() {
        let parts = parts("/?token=a&token=b%20c");
        let event = proxy(&api(), &connection(), "$connect", "r=", &Happening::Connect(&parts));
        assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "a, b");
        assert_eq!(event["multiValueQueryStringParameters"], json!({"token": ["a", "b c"]}));
        assert_eq!(event["queryStringParameters"], json!({"token": "b c"}));
        assert_eq!(event["requestContext"]["eventType"], "CONNECT");
    }

    #[test]
    fn a_message_event_has_a_body_and_no_headers() {
        let event = proxy(&api(), &connection(), "$default", "r=", &Happening::Message("{}"));
        assert_eq!(event["body"], "{}");
        assert_eq!(event.get("headers"), None);
        assert!(event["requestContext"]["messageId"].is_string());
    }

    #[test]
    fn a_disconnect_event_says_how() {
        let ending = Ending { code: 1001, reason: "Going away".to_owned() };
        let event = proxy(&api(), &connection(), "$disconnect", "r=", &Happening::Disconnect(&ending));
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
        assert_eq!(event["headers"]["Host"], "host");
    }

    #[test]
    fn an_authorizer_event_names_the_method() {
        let event = authorizer(&api(), &connection(), "r=", &parts("/"));
        assert_eq!(event["methodArn"], "arn:aws:execute-api:us-east-1:123456789012:abc/dev/$connect");
        assert_eq!(event["queryStringParameters"], json!({}));
    }
}
