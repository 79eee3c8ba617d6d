//! Cross-origin requests, where an HTTP API has a `CorsConfiguration`: the gateway answers preflight requests itself,
//! and its headers take the place of a function's.
//!
//! Unlike on AWS, a `*` stands for the origins of this machine only, because here the answers may have secrets in them.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html>

use hyper::{
    HeaderMap, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN,
    },
};

use crate::{
    serve::{Response, guard::is_loopback_origin},
    template::Cors,
};

/// The headers that only the configuration sets.
const HEADERS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// The answer to a preflight request; `None` for any other request.
pub(super) fn preflight(cors: &Cors, method: &Method, request: &HeaderMap) -> Option<Response> {
    let origin = request.get(ORIGIN)?;
    if method != Method::OPTIONS || !request.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NO_CONTENT;
    if allow(cors, origin, response.headers_mut()) {
        // The browser checks the method and the headers: the answer is the same for all.
        list(&cors.allow_methods, ACCESS_CONTROL_ALLOW_METHODS, response.headers_mut());
        list(&cors.allow_headers, ACCESS_CONTROL_ALLOW_HEADERS, response.headers_mut());
        if let Some(seconds) = cors.max_age {
            response.headers_mut().insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
        }
    }
    Some(response)
}

/// Sets whether a page of `origin` may read the response, whatever the function's headers are.
pub(super) fn mark(cors: &Cors, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
    for name in HEADERS {
        response.remove(name);
    }
    if origin.is_some_and(|origin| allow(cors, origin, response)) {
        list(&cors.expose_headers, ACCESS_CONTROL_EXPOSE_HEADERS, response);
    }
}

/// Names the origin in the response, if it is allowed.
fn allow(cors: &Cors, origin: &HeaderValue, response: &mut HeaderMap) -> bool {
    let Some(allowed) = allowed(&cors.allow_origins, origin) else { return false };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    if cors.allow_credentials {
        response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    true
}

/// `*` where any origin of this machine is allowed, else the origin itself if it is.
fn allowed(origins: &[String], origin: &HeaderValue) -> Option<HeaderValue> {
    let text = origin.to_str().ok()?;
    let is_local = is_loopback_origin(text);
    if is_local && origins.iter().any(|one| one == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let fits = |one: &String| match one.as_str() {
        "https://*" => is_local && text.starts_with("https://"),
        "http://*" => is_local && text.starts_with("http://"),
        exactly => text == exactly,
    };
    origins.iter().any(fits).then(|| origin.clone())
}

fn list(values: &[String], name: HeaderName, response: &mut HeaderMap) {
    if !values.is_empty()
        && let Ok(value) = HeaderValue::try_from(values.join(","))
    {
        response.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cors(origins: &[&str]) -> Cors {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Cors {
            allow_origins: texts(origins),
            allow_methods: texts(&["GET", "POST"]),
            allow_headers: texts(&["*"]),
            expose_headers: texts(&["retry-after"]),
            max_age: Some(300),
            allow_credentials: false,
        }
    }

    fn from(origin: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST")),
        ])
    }

    #[test]
    fn a_preflight_request_is_answered_with_what_is_configured() {
        let answer = preflight(&cors(&["https://a.example"]), &Method::OPTIONS, &from("https://a.example"));
        let answer = answer.expect("it is one");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        let headers = answer.headers();
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_METHODS], "GET,POST");
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "*");
        assert_eq!(headers[ACCESS_CONTROL_MAX_AGE], "300");
        assert_eq!(headers.len(), 4);
    }

    #[test]
    fn only_options_with_an_origin_and_a_method_is_a_preflight_request() {
        let cors = cors(&["*"]);
        assert!(preflight(&cors, &Method::POST, &from("https://a.example")).is_none());
        for missing in [ORIGIN, ACCESS_CONTROL_REQUEST_METHOD] {
            let mut request = from("https://a.example");
            request.remove(&missing);
            assert!(preflight(&cors, &Method::OPTIONS, &request).is_none(), "{missing}");
        }
    }

    #[test]
    fn an_origin_that_is_not_allowed_is_told_nothing() {
        let cors = cors(&["https://a.example"]);
        let answer = preflight(&cors, &Method::OPTIONS, &from("https://b.example")).expect("it is one");
        assert_eq!((answer.status(), answer.headers().len()), (StatusCode::NO_CONTENT, 0));
        let mut response = HeaderMap::new();
        mark(&cors, Some(&HeaderValue::from_static("https://b.example")), &mut response);
        assert!(response.is_empty());
    }

    #[test]
    fn an_origin_is_allowed_by_name_and_one_of_this_machine_by_scheme_or_like_any_other() {
        let origins = |list: &[&str]| list.iter().map(|&one| one.to_owned()).collect::<Vec<_>>();
        for (list, origin, answer) in [
            (&["*"][..], "http://localhost:5173", Some("*")),
            (&["*"], "null", None),
            (&["*"], "https://a.example", None),
            (&["https://a.example", "*"], "https://a.example", Some("https://a.example")),
            (&["https://*"], "https://localhost", Some("https://localhost")),
            (&["https://*"], "https://a.example", None),
            (&["https://*"], "http://localhost", None),
            (&["http://*"], "http://localhost:5173", Some("http://localhost:5173")),
            (&["https://a.example"], "https://a.example.evil", None),
        ] {
            let allowed = allowed(&origins(list), &HeaderValue::from_static(origin));
            assert_eq!(allowed.as_ref().and_then(|value| value.to_str().ok()), answer, "{list:?} {origin}");
        }
    }

    #[test]
    fn what_a_function_says_of_origins_is_ignored() {
        let said = || HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://other"))]);
        let cors = Cors { allow_credentials: true, ..cors(&["https://a.example"]) };
        let mut without_origin = said();
        mark(&cors, None, &mut without_origin);
        assert!(without_origin.is_empty());
        let mut response = said();
        mark(&cors, Some(&HeaderValue::from_static("https://a.example")), &mut response);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a.example");
        assert_eq!(response[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
        assert_eq!(response[ACCESS_CONTROL_EXPOSE_HEADERS], "retry-after");
    }
}
