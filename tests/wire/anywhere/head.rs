//! HEAD is answered as GET is, without its body.

use reqwest::Method;
use serde_json::json;

use crate::harness::{Bundle, Target};

/// Headers that differ from call to call, or that only the gateway of a deployed bundle sets, as it likes.
const OF_THE_CALL: [&str; 4] = ["apigw-requestid", "date", "content-length", "connection"];

/// A call's answer but for its body.
async fn head(
    target: &Bundle,
    method: Method,
    path: &str,
    token: Option<&str>,
) -> (u16, Vec<(String, String)>, String) {
    let mut request = reqwest::Client::new().request(method, format!("{}{path}", target.http));
    if let Some(token) = token {
        target.said.token(token);
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let headers = answer.headers().iter().map(header).filter(|(name, _)| !OF_THE_CALL.contains(&name.as_str()));
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    (answer.status().as_u16(), headers, answer.text().await.unwrap())
}

#[tokio::test]
async fn whatever_answers_get_answers_head_with_its_status_and_headers_and_no_body() {
    let target = Target::start().await;
    let (inbox, sub) = (target.inbox("alice"), target.name("alice"));
    target.send(&inbox, "hello").await;
    let alice = target.token(&json!({"sub": sub}));
    let body = json!({"to": inbox, "body": "later", "delay": "1h"});
    let scheduled = target.post(&body).await.body["id"].as_str().unwrap().to_owned();
    let publisher = target.publisher();
    for (path, token, status) in [
        ("/v1/health".to_owned(), None, 200),
        ("/".to_owned(), None, 200),
        ("/assets/page.css".to_owned(), None, 200),
        ("/assets/none.css".to_owned(), None, 404),
        (format!("/v1/notifications?channel={inbox}"), Some(&alice), 200),
        (format!("/v1/notifications?channel={inbox}"), None, 401),
        (format!("/v1/notifications/{scheduled}"), Some(&publisher), 200),
        (format!("/v1/channels/{inbox}"), Some(&alice), 200),
        (format!("/v1/channels/{inbox}"), None, 401),
        (format!("/v1/channels/{inbox}/endpoints"), Some(&alice), 200),
        (format!("/v1/channels/{inbox}/endpoints/none"), Some(&alice), 404),
        ("/v1/nothing".to_owned(), None, 404),
        ("/v1/tickets".to_owned(), None, 404),
    ] {
        let token = token.map(String::as_str);
        let got = head(&target, Method::GET, &path, token).await;
        let headed = head(&target, Method::HEAD, &path, token).await;
        assert_eq!((got.0, headed.0), (status, status), "{path}");
        assert_eq!(headed.1, got.1, "{path}");
        assert_eq!((got.2.is_empty(), headed.2.as_str()), (false, ""), "{path}");
        // The gateway answers where there is no route.
        let has = |name: &str, value: &str| got.1.iter().any(|header| (&*header.0, &*header.1) == (name, value));
        let is_protected =
            has("x-content-type-options", "nosniff") && has("strict-transport-security", "max-age=31536000");
        assert_eq!(is_protected, !["/v1/nothing", "/v1/tickets"].contains(&path.as_str()), "{path}: {:?}", got.1);
    }
}
