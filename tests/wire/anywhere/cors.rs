//! Pages of other origins call the HTTP API.

use reqwest::Method;
use serde_json::json;

use crate::harness::Target;

const ORIGIN: (&str, &str) = ("Origin", "http://localhost:5173");

/// Whether the bundle lets pages of all origins in, which is the template's default.
async fn allows_all(target: &Target) -> bool {
    let answer = target.call(Method::GET, "/v1/health", None, &[ORIGIN], None).await;
    let allows = answer.headers.contains_key("access-control-allow-origin");
    if !allows {
        assert!(target.stack().is_none(), "the template's default");
        target.skip("the stack's AllowedOrigins do not have http://localhost:5173");
    }
    allows
}

fn listed(header: &str) -> Vec<String> {
    let mut words: Vec<_> = header.split(',').map(|word| word.trim().to_lowercase()).collect();
    words.sort();
    words
}

#[tokio::test]
async fn a_browser_learns_beforehand_what_it_may_send() {
    let target = Target::start().await;
    if !allows_all(&target).await {
        return;
    }
    let asks = [
        ORIGIN,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type,idempotency-key"),
    ];
    let answer = target.call(Method::OPTIONS, "/v1/notifications", None, &asks, None).await;
    assert!([200, 204].contains(&answer.status), "{answer:?}");
    assert!(["*", ORIGIN.1].contains(&answer.headers["access-control-allow-origin"].to_str().unwrap()));
    let header = |name: &str| listed(answer.headers[name].to_str().unwrap());
    assert_eq!(header("access-control-allow-methods"), ["delete", "get", "post"]);
    assert_eq!(header("access-control-allow-headers"), ["authorization", "content-type", "idempotency-key"]);
}

#[tokio::test]
async fn a_page_may_read_answers_and_refusals_and_when_to_come_back() {
    let target = Target::start().await;
    if !allows_all(&target).await {
        return;
    }
    let body = || Some(json!({"to": target.topic("a"), "body": "x"}).to_string());
    let publisher = target.publisher();
    for (token, status) in [(Some(publisher.as_str()), 202), (None, 401)] {
        let answer = target.call(Method::POST, "/v1/notifications", token, &[ORIGIN], body()).await;
        assert_eq!(answer.status, status);
        assert!(answer.headers.contains_key("access-control-allow-origin"), "{status}");
        assert_eq!(listed(answer.headers["access-control-expose-headers"].to_str().unwrap()), ["retry-after"]);
    }
}
