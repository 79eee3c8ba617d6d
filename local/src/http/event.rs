//! Payload format 2.0: the event that a function gets for a request.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::{collections::BTreeMap, net::SocketAddr};

use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::{HeaderMap, http::request::Parts};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::route::Match;
use crate::{
    gateway::{domain, header, log_time, percent_decode, query_pairs},
    template::ACCOUNT,
};

/// The stage that every HTTP API here has.
const STAGE: &str = "$default";

/// Makes the event for a request that took a route.
pub(crate) fn event(
    api: &str,
    found: &Match<'_>,
    parts: &Parts,
    body: &[u8],
    source: SocketAddr,
    request_id: &str,
) -> Value {
    let raw_query = parts.uri.query().unwrap_or_default();
    let path = percent_decode(parts.uri.path());
    let mut event = json!({
        "version": "2.0",
        "routeKey": found.route.key,
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": headers(&parts.headers, source),
        "requestContext": context(api, found, parts, &path, source, request_id),
        "isBase64Encoded": false,
    });
    let cookies = cookies(&parts.headers);
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !raw_query.is_empty() {
        event["queryStringParameters"] = joined(query_pairs(raw_query));
    }
    if !found.parameters.is_empty() {
        event["pathParameters"] = joined(found.parameters.iter().cloned());
    }
    if !body.is_empty() {
        add_body(&mut event, header(&parts.headers, "content-type"), body);
    }
    event
}

fn context(api: &str, found: &Match<'_>, parts: &Parts, path: &str, source: SocketAddr, request_id: &str) -> Value {
    let now = Timestamp::now();
    json!({
        "accountId": ACCOUNT,
        "apiId": api,
        "domainName": domain(api),
        "domainPrefix": api,
        "http": {
            "method": parts.method.as_str(),
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": source.ip().to_string(),
            "userAgent": header(&parts.headers, "user-agent").unwrap_or_default(),
        },
        "requestId": request_id,
        "routeKey": found.route.key,
        "stage": STAGE,
        "time": log_time(now),
        "timeEpoch": now.as_millisecond(),
    })
}

fn add_body(event: &mut Value, content_type: Option<&str>, body: &[u8]) {
    match std::str::from_utf8(body) {
        Ok(text) if is_text(content_type) => event["body"] = json!(text),
        _ => {
            event["body"] = json!(STANDARD.encode(body));
            event["isBase64Encoded"] = json!(true);
        }
    }
}

/// Whether API Gateway passes a body of this type on as text.
fn is_text(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/json", "application/xml", "application/javascript"].contains(&essence.as_str())
        || essence.ends_with("+json")
        || essence.ends_with("+xml")
}

/// Names in lower case, values of one name joined with commas. Cookies have a field of their own.
fn headers(headers: &HeaderMap, source: SocketAddr) -> Value {
    let own = headers
        .iter()
        .filter(|(name, _)| *name != "cookie")
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let added = [
        ("x-forwarded-for".to_owned(), source.ip().to_string()),
        ("x-forwarded-port".to_owned(), "443".to_owned()),
        ("x-forwarded-proto".to_owned(), "https".to_owned()),
    ];
    joined(own.chain(added))
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split("; ")).map(str::to_owned).collect()
}

fn joined<K: Into<String>, V: Into<String>>(pairs: impl Iterator<Item = (K, V)>) -> Value {
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in pairs {
        let (name, value) = (name.into(), value.into());
        values.entry(name).and_modify(|values| *values = format!("{values},{value}")).or_insert(value);
    }
    values.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::{http::route, template::HttpRoute};

    fn made(request: Request<()>, body: &[u8]) -> Value {
        let routes = [HttpRoute { key: "POST /a/{x}".to_owned(), function: "F".to_owned(), throttle: None }];
        let (parts, ()) = request.into_parts();
        let found = route::select(&routes, parts.method.as_str(), parts.uri.path()).expect("a route");
        event("abc", &found, &parts, body, SocketAddr::from(([127, 0, 0, 1], 1)), "id=")
    }

    #[test]
    fn path_query_headers_and_cookies_are_written_as_in_format_2() {
        let request = Request::post("/a/b%3Ac?k=1%202&k=x+y&z=")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("Cookie", "a=1; b=2")
            .body(())
            .expect("a request");
        let event = made(request, b"");
        assert_eq!(event["rawPath"], "/a/b:c");
        assert_eq!(event["rawQueryString"], "k=1%202&k=x+y&z=");
        assert_eq!(event["queryStringParameters"], json!({"k": "1 2,x y", "z": ""}));
        assert_eq!(event["pathParameters"], json!({"x": "b:c"}));
        assert_eq!(event["headers"]["x-many"], "1,2");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event.get("body"), None);
        assert_eq!(event["requestContext"]["http"]["method"], "POST");
    }

    #[test]
    fn text_is_passed_as_text_and_all_else_in_base64() {
        let with = |kind: &str| Request::post("/a/b").header("content-type", kind).body(()).expect("a request");
        let text = made(with("application/problem+json; charset=utf-8"), b"{}");
        assert_eq!((&text["body"], &text["isBase64Encoded"]), (&json!("{}"), &json!(false)));
        let other = made(with("application/octet-stream"), b"{}");
        assert_eq!((&other["body"], &other["isBase64Encoded"]), (&json!("e30="), &json!(true)));
    }
}
