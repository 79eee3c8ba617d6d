//! Everything that is served, made once, and the headers that go with all of it.

use lambda_http::Response;
use lambda_http::http::HeaderValue;
use lambda_http::http::header::{CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY};
use shared::http::answer;

use crate::asset::Asset;
use crate::html;
use crate::settings::{Settings, WebSocketUrl};

/// The page and its assets.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) page: String,
    pub(crate) assets: Vec<Asset>,
    policy: HeaderValue,
}

impl Site {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { page: html::render(settings), assets: Asset::all(), policy: policy(&settings.websocket) }
    }

    /// Tells the browser what the page never does, so that nothing in a notification can make it.
    pub(crate) fn protect(&self, mut response: Response<String>) -> Response<String> {
        answer::protect(&mut response);
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (REFERRER_POLICY, "no-referrer"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn policy(websocket: &WebSocketUrl) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' {}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types tidings-worker",
        websocket.origin()
    );
    HeaderValue::from_str(&policy).expect("an origin has only characters that a header may have")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_page_itself_and_its_socket() {
        let websocket = WebSocketUrl::parse("wss://example.com/prod").unwrap();
        assert_eq!(
            policy(&websocket),
            "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self' wss://example.com; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types tidings-worker"
        );
    }
}
