//! The requests that the ports refuse. Any web page can have its visitor's browser send requests to this machine. So a request
//! has to name this machine, and a page cannot use the services without tokens: AWS's services and the control API.

use hyper::{
    HeaderMap, Request, StatusCode,
    header::{HOST, HeaderName, ORIGIN},
    http::uri::Authority,
};
use serde_json::json;

use super::message::{Response, json as json_response};

/// A header that browsers add to each request: the relation of the request's target to the page that makes it (W3C Fetch
/// Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Further headers of browsers: the kind of request, and the use of its answer.
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The header of every request that changes something by the control API. A page cannot send it without a preflight request
/// (CORS), which is refused.
pub(crate) const CONTROL_HEADER: HeaderName = HeaderName::from_static("x-tidings-local");

/// Whether a request names this machine in its one `Host` header, and in its URI if that has a host. Another name may resolve to
/// loopback, and the browser then lets that name's pages read the answer (DNS rebinding).
pub(crate) fn names_this_machine<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    host.is_some_and(|host| is_this_machine(&host)) && request.uri().authority().is_none_or(is_this_machine)
}

/// Whether this is a name of this machine with at most a port: browsers send nothing else, and functions have to read nothing
/// else.
fn is_this_machine(authority: &Authority) -> bool {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let rest = authority.as_str().strip_prefix(authority.host());
    let is_plain = rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port));
    is_plain && is_loopback(authority.host())
}

/// Whether an origin is a page of this machine, on any port.
pub(crate) fn is_loopback_origin(origin: &str) -> bool {
    let Some(authority) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    authority.parse::<Authority>().is_ok_and(|authority| is_loopback(authority.host()))
}

/// Whether a web page has sent a request. Browsers add `Origin` to each request that is not a plain GET, and `Sec-Fetch-Site` to
/// all. A request that a person has typed, or that a page of the same port makes, does not count; nor does one by a link that a
/// person follows, since the page with the link cannot read the answer.
pub(crate) fn is_of_a_page(headers: &HeaderMap) -> bool {
    let says = |name: HeaderName, value: &str| headers.get(name).is_some_and(|said| said == value);
    let by_itself = |site: &[u8]| site == b"none" || site == b"same-origin";
    let by_a_link = says(SEC_FETCH_MODE, "navigate") && says(SEC_FETCH_DEST, "document");
    let by_a_page = || headers.get_all(SEC_FETCH_SITE).iter().any(|site| !by_itself(site.as_bytes()));
    headers.contains_key(ORIGIN) || (!by_a_link && by_a_page())
}

/// The answer to a request that does not name this machine.
pub(crate) fn wrong_host() -> Response {
    refused("this stack answers only to localhost, *.localhost, 127.0.0.1 and [::1]: give one of them as the host")
}

/// The answer to a request of a page.
pub(crate) fn no_page() -> Response {
    refused(
        "this port takes no requests of web pages, which have an `Origin`, or a `Sec-Fetch-Site` other than `none` and `same-origin`",
    )
}

/// The answer to a change without [`CONTROL_HEADER`].
pub(crate) fn no_header() -> Response {
    refused("add the header `X-Tidings-Local: 1`, which no web page can send")
}

fn refused(message: &str) -> Response {
    json_response(StatusCode::FORBIDDEN, &json!({ "message": message }))
}

/// Whether this is a machine's name for itself (RFC 6761), or its address. An address cannot be the name of another machine.
fn is_loopback(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let name = host.strip_suffix('.').unwrap_or(&host);
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let is_below = name.strip_suffix(".localhost").is_some_and(|label| !label.is_empty());
    name == "localhost" || is_below || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(uri: &str, hosts: &[&str]) -> bool {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        names_this_machine(&request.body(()).expect("a request"))
    }

    #[test]
    fn a_request_names_this_machine_once() {
        for host in
            ["localhost", "LOCALHOST:3000", "a.localhost", "localhost.:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:1"]
        {
            assert!(names("/", &[host]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::2]",
            "2130706433",
            "localhost..",
            ".localhost",
            "user:pw@127.0.0.1",
            "localhost:99999",
            "localhost:abc",
            "localhost:",
            "localhost:+80",
            "[::1]evil.example",
            "local host",
        ] {
            assert!(!names("/", &[host]), "{host}");
        }
        assert!(!names("/", &[]), "none");
        assert!(!names("/", &["localhost", "localhost"]), "two");
        assert!(names("http://localhost/a", &["localhost"]));
        assert!(!names("http://evil.example/a", &["localhost"]), "the URI counts before the header (RFC 9112)");
    }

    #[test]
    fn an_origin_is_of_this_machine_on_any_port() {
        for origin in ["http://localhost:5173", "https://127.0.0.1", "http://app.localhost:1", "http://[::1]:3000"] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in ["null", "http://evil.example", "http://localhost.evil.example", "file://", "", "http://a@b:c"] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }

    #[test]
    fn a_browser_says_that_a_page_asks() {
        let of_a_page = |headers: &[(&'static str, &'static str)]| {
            let pairs =
                headers.iter().map(|&(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
            is_of_a_page(&pairs.collect())
        };
        for headers in [
            &[("origin", "http://evil.example")][..],
            &[("origin", "null")],
            &[("origin", "http://localhost:8000"), ("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "document")],
            &[("origin", "null"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ] {
            assert!(of_a_page(headers), "{headers:?}");
        }
        for headers in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")],
        ] {
            assert!(!of_a_page(headers), "{headers:?}");
        }
    }
}
