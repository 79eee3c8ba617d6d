//! The AWS JSON protocol: errors as the SDKs read them.

use hyper::{StatusCode, header::HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serve::{Response, response};

/// Content type of DynamoDB.
pub(crate) const JSON_1_0: &str = "application/x-amz-json-1.0";
/// Content type of Secrets Manager.
pub(crate) const JSON_1_1: &str = "application/x-amz-json-1.1";

/// Content type of SES.
pub(crate) const JSON: &str = "application/json";

/// A response with the headers that every AWS service sends.
pub(crate) fn reply(status: StatusCode, content_type: &'static str, body: &Value) -> Response {
    let body = body.to_string();
    let checksum = crc32fast::hash(body.as_bytes()).to_string();
    let mut response = response(status, content_type, body);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&Uuid::now_v7().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    if let Ok(checksum) = HeaderValue::from_str(&checksum) {
        headers.insert("x-amz-crc32", checksum);
    }
    response
}

/// An error with its name in the body and in a header. `prefix` is the namespace that the service puts before it.
pub(crate) fn error(
    status: StatusCode,
    content_type: &'static str,
    prefix: &str,
    name: &str,
    message: &str,
    more: Value,
) -> Response {
    let mut body = json!({ "__type": format!("{prefix}{name}"), "message": message });
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
    let mut response = reply(status, content_type, &body);
    if let Ok(name) = HeaderValue::from_str(name) {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

/// The answer to an unknown operation.
pub(crate) fn unknown_operation(target: &str) -> Response {
    let message = format!("the local stack serves no operation {target:?}");
    error(
        StatusCode::BAD_REQUEST,
        JSON_1_1,
        "com.amazon.coral.service#",
        "UnknownOperationException",
        &message,
        json!({}),
    )
}
