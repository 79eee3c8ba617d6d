//! Checks of a stack's address: whether it is encrypted, and whether it redirects.

use reqwest::Url;
use url::Host;

/// Warns if others can read what goes to this address and comes from there, the token above all.
pub(crate) fn warn_if_in_the_clear(address: &str) {
    if let Some(origin) = in_the_clear(address) {
        tracing::warn!(
            "{origin} is not encrypted: others on the way can read the token. Give an address with https or wss"
        );
    }
}

/// The origin of an address that a network reaches without TLS. What stays on this machine nobody else can read.
fn in_the_clear(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    (matches!(url.scheme(), "http" | "ws") && !is_loopback(&url)).then(|| url.origin().ascii_serialization())
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        // `::ffff:127.0.0.1` is IPv4's, too.
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

/// Says that an address redirects, and which address to give: of which API, and by which output of the stack. Of a redirect's
/// target only the origin is named, since there may be a token in the rest.
pub(crate) fn redirected(address: &str, status: u16, location: Option<&str>, (api, output): (&str, &str)) -> String {
    let to = destination(address, location);
    format!(
        "{address} redirects to {to} (status {status}), and redirects are not followed: give the address of the {api} itself, \
         the stack's output {output}"
    )
}

fn destination(address: &str, location: Option<&str>) -> String {
    let target = Url::parse(address).and_then(|from| Ok((from.join(location.unwrap_or_default())?, from)));
    match target {
        Ok((to, from)) if location.is_some() && to.origin().is_tuple() => {
            // A WebSocket's address differs from the redirect's in its scheme.
            let is_same = to.host() == from.host() && to.port_or_known_default() == from.port_or_known_default();
            if is_same { "another path".to_owned() } else { to.origin().ascii_serialization() }
        }
        _ => "another address".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_crosses_a_network_without_tls_is_in_the_clear() {
        for address in [
            "http://127.0.0.1:3000",
            "http://127.255.0.9/",
            "http://127.1",
            "http://0x7f.1",
            "http://127.0.0.1.",
            "ws://[::1]:3001/dev",
            "ws://[::ffff:127.0.0.1]:3001",
            "http://localhost",
            "HTTP://LOCALHOST.:3000",
            "ws://a.b.localhost.",
            "https://api.example.org",
            "wss://10.0.0.1",
            "not an address",
        ] {
            assert_eq!(in_the_clear(address), None, "{address}");
        }
        for (address, origin) in [
            ("http://api.example.org/dev?a=b", "http://api.example.org"),
            ("ws://api.example.org:3001/dev", "ws://api.example.org:3001"),
            ("http://user:secret@10.0.0.1", "http://10.0.0.1"),
            ("http://127.0.0.1@example.org", "http://example.org"),
            ("http://127.0.0.1.example.org", "http://127.0.0.1.example.org"),
            ("http://localhost.example.org", "http://localhost.example.org"),
            ("http://notlocalhost", "http://notlocalhost"),
            ("http://0.0.0.0:3000", "http://0.0.0.0:3000"),
            ("ws://[::ffff:10.0.0.1]:3001", "ws://[::ffff:a00:1]:3001"),
            ("http://[::]", "http://[::]"),
        ] {
            assert_eq!(in_the_clear(address).as_deref(), Some(origin), "{address}");
        }
    }

    #[test]
    fn of_a_redirects_target_only_the_origin_is_named() {
        for (from, location, to) in [
            ("http://a.test", Some("https://user:secret@b.test/path?token=t#f"), "https://b.test"),
            ("http://a.test", Some("//b.test:8080/x"), "http://b.test:8080"),
            ("http://a.test", Some("https://a.test/"), "https://a.test"),
            ("ws://a.test/dev", Some("http://a.test/prod"), "another path"),
            ("http://a.test/dev", Some("/prod"), "another path"),
            ("http://a.test", Some("javascript:alert(1)"), "another address"),
            ("http://a.test", Some("http://"), "another address"),
            ("http://a.test", None, "another address"),
        ] {
            assert_eq!(destination(from, location), to, "{from} {location:?}");
        }
    }
}
