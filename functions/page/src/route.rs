//! The page's routes.

use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use lambda_http::http::{HeaderMap, StatusCode};
use lambda_http::{Request, RequestExt as _, Response};
use shared::domain::refusal::{Code, Refusal};
use shared::http::answer;

use crate::asset::Asset;
use crate::site::Site;

/// Never in a cache: the page names its stack, and what is refused today may be there tomorrow.
const FRESH: &str = "no-store";
/// In the cache, but asked about each time: modules of two releases do not go together.
const REVALIDATED: &str = "no-cache";

pub(crate) fn route(site: &Site, request: &Request) -> Response<String> {
    // The template has two routes for this function, `/` and `/assets/{file}`.
    site.protect(match request.path_parameters().first("file") {
        None => page(site),
        Some(name) => asset(site, name, request.headers()),
    })
}

fn page(site: &Site) -> Response<String> {
    let mut response = Response::new(site.page.clone());
    add(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    add(&mut response, CACHE_CONTROL, FRESH);
    response
}

fn asset(site: &Site, name: &str, headers: &HeaderMap) -> Response<String> {
    match site.assets.iter().find(|asset| asset.name == name) {
        Some(asset) => file(asset, headers),
        None => not_found(&format!("the page has no asset {name:?}")),
    }
}

fn file(asset: &Asset, headers: &HeaderMap) -> Response<String> {
    let mut response = if is_known(&asset.etag, headers) {
        let mut unchanged = Response::new(String::new());
        *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
        unchanged
    } else {
        Response::new(asset.text.to_owned())
    };
    add(&mut response, CONTENT_TYPE, asset.content_type());
    add(&mut response, CACHE_CONTROL, REVALIDATED);
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// Whether the browser has this version. Proxies that compress on the way weaken a tag (`W/`), which means no other text.
fn is_known(etag: &str, headers: &HeaderMap) -> bool {
    let known = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

fn not_found(detail: &str) -> Response<String> {
    let mut response = answer::problem(&Refusal::new(Code::NotFound, detail));
    add(&mut response, CACHE_CONTROL, FRESH);
    response
}

fn add(response: &mut Response<String>, name: HeaderName, value: &'static str) {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Settings, WebSocketUrl};

    const EVENT: &str = include_str!("../../../events/page.json");

    fn site() -> Site {
        let websocket = WebSocketUrl::parse("wss://example.com/prod").unwrap();
        Site::new(&Settings {
            websocket,
            local_token_secret: None,
            vapid_public_key: None,
            user_claim: "sub".to_owned(),
        })
    }

    fn get(event: &str) -> Response<String> {
        route(&site(), &lambda_http::request::from_str(event).unwrap())
    }

    /// The event of an asset, made of the page's.
    fn get_asset(name: &str, known: &str) -> Response<String> {
        let event = EVENT
            .replace("\"GET /\"", "\"GET /assets/{file}\"")
            .replace(
                "\"isBase64Encoded\"",
                &format!("\"pathParameters\": {{\"file\": \"{name}\"}}, \"isBase64Encoded\""),
            )
            .replace("\"accept\"", &format!("\"if-none-match\": {known:?}, \"accept\""));
        get(&event)
    }

    fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn the_page_is_never_cached_and_says_what_it_never_does() {
        let page = get(EVENT);
        assert_eq!(page.status(), 200);
        assert!(page.body().starts_with("<!doctype html>"));
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&page, "cache-control"), "no-store");
        assert_eq!(header(&page, "x-content-type-options"), "nosniff");
        assert_eq!(header(&page, "strict-transport-security"), "max-age=31536000");
        assert_eq!(header(&page, "referrer-policy"), "no-referrer");
        assert_eq!(header(&page, "cross-origin-opener-policy"), "same-origin");
        assert!(header(&page, "content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
    }

    #[test]
    fn an_asset_that_the_browser_has_is_not_sent_again() {
        let first = get_asset("page.css", "");
        assert_eq!((first.status().as_u16(), header(&first, "content-type")), (200, "text/css; charset=utf-8"));
        let etag = header(&first, "etag");
        for known in [etag.to_owned(), format!("\"old\", W/{etag}")] {
            let again = get_asset("page.css", &known);
            assert_eq!((again.status().as_u16(), again.body().as_str()), (304, ""), "{known}");
            assert_eq!(header(&again, "etag"), etag);
        }
        assert_eq!(get_asset("page.css", "\"old\"").status(), 200);
    }

    #[test]
    fn what_is_not_there_is_a_problem_in_the_apis_form() {
        for name in ["index.html", "../Cargo.toml", "no.js", ""] {
            let missing = get_asset(name, "");
            assert_eq!(missing.status(), 404, "{name}");
            assert_eq!(header(&missing, "content-type"), "application/problem+json");
            assert!(missing.body().contains("\"code\":\"not_found\""), "{}", missing.body());
            assert!(header(&missing, "content-security-policy").starts_with("default-src 'none'"));
        }
    }
}
