//! The AWS Query protocol: forms as requests, XML as answers.

use hyper::{HeaderMap, StatusCode, header::HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::serve::{Response, response};

/// The greatest depth of a parameter. The rest of a deeper name stays in one piece.
const DEPTH: usize = 8;

const XML: &str = "text/xml";

/// The service for which a request is signed: `sns` in `Credential=KEY/20261122/us-east-1/sns/aws4_request`.
pub(crate) fn signed_for(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(hyper::header::AUTHORIZATION)?.to_str().ok()?;
    let scope = header.split_once("Credential=")?.1.split(',').next()?;
    scope.strip_suffix("/aws4_request")?.rsplit('/').next()
}

/// A form's parameters: `A.member.1.B=x` is `{"A": {"member": {"1": {"B": "x"}}}}`.
pub(crate) fn parameters(form: &[u8]) -> Value {
    let mut parameters = json!({});
    for (name, value) in form_urlencoded::parse(form) {
        let mut place = &mut parameters;
        for part in name.splitn(DEPTH, '.') {
            if !place.is_object() {
                *place = json!({});
            }
            place = &mut place[part];
        }
        *place = json!(value);
    }
    parameters
}

/// The items of a list among the parameters, in their order.
pub(crate) fn items(list: &Value) -> Vec<&Value> {
    let mut items: Vec<(u64, &Value)> = list
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(number, item)| Some((number.parse().ok()?, item)))
        .collect();
    items.sort_by_key(|(number, _)| *number);
    items.into_iter().map(|(_, item)| item).collect()
}

/// The result of an operation of the service with this namespace.
pub(crate) fn result(namespace: &str, operation: &str, result: &Value) -> Response {
    let id = Uuid::now_v7().to_string();
    let mut body = json!({ "@xmlns": namespace, "ResponseMetadata": { "RequestId": id } });
    body[format!("{operation}Result")] = result.clone();
    reply(StatusCode::OK, &id, &format!("{operation}Response"), &body)
}

/// An error of the service with this namespace. Its name is in a header too, where the journal reads it.
pub(crate) fn error(namespace: &str, status: StatusCode, code: &str, message: &str) -> Response {
    let id = Uuid::now_v7().to_string();
    let kind = if status.is_server_error() { "Receiver" } else { "Sender" };
    let error = json!({ "Type": kind, "Code": code, "Message": message });
    let body = json!({ "@xmlns": namespace, "Error": error, "RequestId": id });
    let mut response = reply(status, &id, "ErrorResponse", &body);
    if let Ok(code) = HeaderValue::from_str(code) {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn reply(status: StatusCode, id: &str, root: &str, body: &Value) -> Response {
    let mut answer = match quick_xml::se::to_string_with_root(root, body) {
        Ok(xml) => response(status, XML, xml),
        Err(error) => response(StatusCode::INTERNAL_SERVER_ERROR, XML, error.to_string()),
    };
    if let Ok(id) = HeaderValue::from_str(id) {
        answer.headers_mut().insert("x-amzn-requestid", id);
    }
    answer
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        let body = response.into_body().collect().await.expect("a whole body");
        String::from_utf8(body.to_bytes().to_vec()).expect("text")
    }

    #[test]
    fn a_request_says_which_service_it_is_for() {
        let mut headers = HeaderMap::new();
        assert_eq!(signed_for(&headers), None);
        let signature = "AWS4-HMAC-SHA256 Credential=K/20261122/us-east-1/sns/aws4_request, SignedHeaders=host";
        headers.insert("authorization", HeaderValue::from_static(signature));
        assert_eq!(signed_for(&headers), Some("sns"));
    }

    #[test]
    fn a_form_is_read_as_what_it_says() {
        let read = parameters(b"Action=Do&L.member.2.Id=b%26&L.member.10.Id=c&L.member.1.Id=a&L=x&M.entry.1=y");
        assert_eq!(read["Action"], "Do");
        assert_eq!(read["L"], "x");
        let read = parameters(b"L=x&L.member.2.Id=b%26&L.member.10.Id=c&L.member.1.Id=a+a");
        let ids: Vec<&Value> = items(&read["L"]["member"]).into_iter().map(|item| &item["Id"]).collect();
        assert_eq!(ids, ["a a", "b&", "c"]);
        assert!(items(&read["N"]).is_empty());
        let deep = parameters("a.".repeat(100_000).as_bytes());
        assert!(deep["a"]["a"]["a"]["a"]["a"]["a"]["a"].is_object());
    }

    #[tokio::test]
    async fn an_answer_is_xml() {
        let list = json!({"Topics": {"member": [{"TopicArn": "a<b"}, {"TopicArn": "c"}]}, "None": {"member": []}});
        let answer = text(result("http://some/", "ListTopics", &list)).await;
        assert!(answer.starts_with("<ListTopicsResponse xmlns=\"http://some/\">"), "{answer}");
        let topics =
            "<Topics><member><TopicArn>a&lt;b</TopicArn></member><member><TopicArn>c</TopicArn></member></Topics>";
        assert!(answer.contains(topics) && answer.contains("<None/>"), "{answer}");
        assert!(answer.contains("<ResponseMetadata><RequestId>"), "{answer}");
    }

    #[tokio::test]
    async fn an_error_says_whose_fault_it_is() {
        let missing = error("http://some/", StatusCode::NOT_FOUND, "NotFound", "no & no");
        assert_eq!(missing.headers()["x-amzn-errortype"], "NotFound");
        let missing = text(missing).await;
        assert!(missing.contains("<Code>NotFound</Code>") && missing.contains("<Message>no &amp; no</Message>"));
        assert!(missing.contains("<Type>Sender</Type>"), "{missing}");
        let ours = error("http://some/", StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "");
        assert!(text(ours).await.contains("<Type>Receiver</Type>"));
    }
}
