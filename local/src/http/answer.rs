//! Payload format 2.0: the response for a function's result.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE, WWW_AUTHENTICATE},
};
use serde_json::Value;

use crate::serve::Response;

/// The name under which API Gateway hands a function's `WWW-Authenticate` on.
///
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>
const REMAPPED: HeaderName = HeaderName::from_static("x-amzn-remapped-www-authenticate");

/// The response; `None` if API Gateway does not understand the result.
pub(crate) fn response(result: &[u8]) -> Option<Response> {
    let result: Value = serde_json::from_slice(result).ok()?;
    match result.get("statusCode") {
        Some(status) => explicit(status, &result),
        None => Some(inferred(&result)),
    }
}

/// Without a `statusCode` the whole result is the body of a response with status 200 and type JSON.
fn inferred(result: &Value) -> Response {
    let body = result.as_str().map_or_else(|| result.to_string(), str::to_owned);
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn explicit(status: &Value, result: &Value) -> Option<Response> {
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let mut response = Response::new(Full::new(body(result)?));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in result["headers"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let name = Some(HeaderName::try_from(name).ok()?).filter(|name| *name != WWW_AUTHENTICATE).unwrap_or(REMAPPED);
        headers.insert(name, HeaderValue::try_from(value).ok()?);
    }
    for cookie in result["cookies"].as_array().into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::try_from(cookie.as_str()?).ok()?);
    }
    if !headers.contains_key(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(response)
}

fn body(result: &Value) -> Option<Bytes> {
    match &result["body"] {
        Value::Null => Some(Bytes::new()),
        Value::String(text) if result["isBase64Encoded"] == true => STANDARD.decode(text).ok().map(Bytes::from),
        Value::String(text) => Some(Bytes::from(text.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> Bytes {
        response.into_body().collect().await.expect("a whole body").to_bytes()
    }

    #[tokio::test]
    async fn a_result_with_a_status_says_all() {
        let result = br#"{"statusCode":202,"headers":{"X-A":"b","content-type":"application/json"},"cookies":["a=1","b=2"],"body":"e30=","isBase64Encoded":true}"#;
        let response = response(result).expect("a response");
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
        assert_eq!(text(response).await, "{}");
    }

    #[test]
    fn a_demand_for_authentication_has_another_name() {
        let response = response(br#"{"statusCode":401,"headers":{"WWW-Authenticate":"Bearer"}}"#).expect("a response");
        assert_eq!(response.headers()["x-amzn-remapped-www-authenticate"], "Bearer");
        assert!(!response.headers().contains_key(WWW_AUTHENTICATE));
    }

    #[tokio::test]
    async fn a_result_without_a_status_is_the_body() {
        let object = response(br#"{"a":1}"#).expect("a response");
        assert_eq!(
            (object.status(), &object.headers()[CONTENT_TYPE]),
            (StatusCode::OK, &HeaderValue::from_static("application/json"))
        );
        assert_eq!(text(object).await, r#"{"a":1}"#);
        assert_eq!(text(response(br#""hello""#).expect("a response")).await, "hello");
    }

    #[test]
    fn a_bad_shape_is_no_response() {
        for result in [
            &br#"{"statusCode":"many"}"#[..],
            br#"{"statusCode":200,"body":{}}"#,
            b"no JSON",
            br#"{"statusCode":99999}"#,
        ] {
            assert!(response(result).is_none());
        }
    }
}
