//! Which URLs may be posted to, as far as the URL itself tells. What its name resolves to is looked at when it is
//! connected to, by the client.

use std::fmt;
use std::net::IpAddr;

use ::url::{Host, Url};
use domain::refusal::Refusal;
use http::Uri;

use crate::address::is_public;

/// The most characters of a URL.
const LONGEST: usize = 2048;

/// The field that refusals name.
const FIELD: &str = "url";

/// The URLs that the operator allows.
#[derive(Clone, Debug)]
pub struct UrlRules {
    /// The ports that may be posted to, over https.
    pub ports: Vec<u16>,
    /// The ports of this machine itself that may be posted to as well, over http or https: for trying things out. None in a deployed
    /// stack.
    pub loopback_ports: Vec<u16>,
}

impl Default for UrlRules {
    /// The internet, on the port of https.
    fn default() -> Self {
        Self { ports: vec![443], loopback_ports: Vec::new() }
    }
}

impl UrlRules {
    /// Whether a connection to a port may go to this address.
    #[must_use]
    pub fn allow(&self, address: IpAddr, port: u16) -> bool {
        is_public(address) || (address.is_loopback() && self.loopback_ports.contains(&port))
    }
}

/// A URL that may be posted to under some [`UrlRules`]: `https`, a host, an allowed port, nobody's password. A host that is
/// an address is one that the rules allow; a name may still turn out to lead where they do not.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicUrl {
    uri: Uri,
    address: Option<IpAddr>,
    port: u16,
}

impl PublicUrl {
    /// Reads a URL as browsers do: `127.1`, `0x7f000001` and `１２７.０.０.１` are all 127.0.0.1.
    ///
    /// # Errors
    /// Says what to do about it, under the field `url`.
    pub fn parse(text: &str, rules: &UrlRules) -> Result<Self, Refusal> {
        if text.chars().nth(LONGEST).is_some() {
            return refuse(format!("give at most {LONGEST} characters"));
        }
        let Ok(url) = Url::parse(text) else {
            return refuse("give a whole URL, as in `https://example.com/hook`");
        };
        if url.as_str().len() > LONGEST {
            return refuse(format!("give at most {LONGEST} characters, percent-encoded where they have to be"));
        }
        let Some(host) = url.host() else {
            return refuse("give a URL with a host, as in `https://example.com/hook`");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("leave out user name and password; a signature comes with each request instead");
        }
        if url.fragment().is_some() {
            return refuse("leave out the `#` and what follows; no server is sent that");
        }
        let (address, port) = (address_of(&host), url.port_or_known_default().unwrap_or_default());
        if is_loopback(&host) && !rules.loopback_ports.is_empty() {
            check_loopback_port(port, rules)?;
        } else {
            check_scheme_and_port(&url, port, rules)?;
            check_host(&host, address)?;
        }
        let Ok(uri) = Uri::try_from(url.as_str()) else {
            return refuse("percent-encode the characters that a URL cannot have");
        };
        Ok(Self { uri, address, port })
    }

    /// The URL.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The host, where it is an address and no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// The port, also where the URL leaves it out.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

/// Shows nothing: many who take webhooks have a secret in the URL.
impl fmt::Debug for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicUrl(…)")
    }
}

fn refuse<T>(reason: impl fmt::Display) -> Result<T, Refusal> {
    Err(Refusal::field(FIELD, reason))
}

fn address_of(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
        Host::Domain(_) => None,
    }
}

/// Whether a host is this machine: by its name for itself (RFC 6761), or by an address.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

fn check_loopback_port(port: u16, rules: &UrlRules) -> Result<(), Refusal> {
    if rules.loopback_ports.contains(&port) {
        return Ok(());
    }
    refuse(format!(
        "give one of this machine's ports that `AllowLoopbackWebhooks` names: {}",
        listed(&rules.loopback_ports)
    ))
}

fn check_scheme_and_port(url: &Url, port: u16, rules: &UrlRules) -> Result<(), Refusal> {
    if url.scheme() != "https" {
        return refuse("give a URL that begins with `https://`");
    }
    if !rules.ports.contains(&port) {
        return refuse(format!("give one of the ports that are allowed here: {}", listed(&rules.ports)));
    }
    Ok(())
}

fn listed(ports: &[u16]) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn check_host(host: &Host<&str>, address: Option<IpAddr>) -> Result<(), Refusal> {
    if address.is_some_and(|address| !is_public(address)) || is_loopback(host) {
        return refuse("give a host on the internet; private, loopback and other special addresses are not posted to");
    }
    match host {
        Host::Domain(name) if name.ends_with('.') => refuse("leave out the dot at the host's end"),
        Host::Domain(name) if !name.contains('.') => refuse("give the host's full name, as in `hooks.example.com`"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reason(text: &str, rules: &UrlRules) -> String {
        let refusal = PublicUrl::parse(text, rules).expect_err(text);
        assert_eq!(refusal.field.as_deref(), Some("url"), "{text}");
        refusal.detail
    }

    #[test]
    fn a_url_on_the_internet_is_taken_and_written_one_way() {
        for (text, written) in [
            ("https://example.com/hook?a=b%20c", "https://example.com/hook?a=b%20c"),
            ("https://EXAMPLE.com:443", "https://example.com/"),
            ("https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"),
            ("https://8.8.8.8/", "https://8.8.8.8/"),
            ("https://134744072/", "https://8.8.8.8/"),
            ("https://[2600:1f18::1]/", "https://[2600:1f18::1]/"),
            ("https://localhost.example.com/", "https://localhost.example.com/"),
        ] {
            assert_eq!(PublicUrl::parse(text, &UrlRules::default()).unwrap().to_string(), written, "{text}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (text, advice) in [
            ("example.com", "whole URL"),
            ("https://", "whole URL"),
            ("https://exa mple.com/", "whole URL"),
            ("https://[fe80::1%25eth0]/", "whole URL"),
            ("mailto:a@example.com", "with a host"),
            ("http://example.com/", "https://"),
            ("ftp://example.com/", "https://"),
            ("https://a:b@example.com/", "password"),
            ("https://a@example.com/", "password"),
            ("https://:b@example.com/", "password"),
            ("https://example.com/#a", "`#`"),
            ("https://example.com:8443/", "ports that are allowed here: 443"),
            ("https://example.com./", "dot"),
            ("https://intranet/", "full name"),
            ("https://127.0.0.1/", "on the internet"),
            ("https://LOCALHOST/", "on the internet"),
        ] {
            assert!(
                reason(text, &UrlRules::default()).contains(advice),
                "{text}: {}",
                reason(text, &UrlRules::default())
            );
        }
    }

    #[test]
    fn the_length_counts_as_it_is_sent() {
        let of = |length: usize, character: &str| format!("https://example.com/{}", character.repeat(length - 20));
        assert!(PublicUrl::parse(&of(LONGEST, "e"), &UrlRules::default()).is_ok());
        assert!(reason(&of(LONGEST + 1, "e"), &UrlRules::default()).contains("2048 characters"));
        assert!(reason(&of(LONGEST, "é"), &UrlRules::default()).contains("2048 characters"));
    }

    #[test]
    fn the_named_ports_of_this_machine_pass_and_nothing_else_does_with_them() {
        let rules = UrlRules { loopback_ports: vec![9, 80, 8443], ..UrlRules::default() };
        for text in ["http://127.0.0.1:9/", "https://[::1]:8443/", "http://localhost:9/a", "http://a.localhost/"] {
            assert!(PublicUrl::parse(text, &rules).is_ok(), "{text}");
            reason(text, &UrlRules::default());
        }
        for text in ["http://127.0.0.1:9001/", "https://localhost/", "http://[::1]:22/"] {
            assert!(reason(text, &rules).contains("AllowLoopbackWebhooks` names: 9, 80, 8443"), "{text}");
        }
        for text in ["http://example.com/", "https://10.0.0.1/", "https://0.0.0.0/", "http://[::ffff:127.0.0.1]/"] {
            reason(text, &rules);
        }
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert!(rules.allow(loopback, 9) && !rules.allow(loopback, 443) && !UrlRules::default().allow(loopback, 9));
    }

    #[test]
    fn more_ports_can_be_allowed() {
        let rules = UrlRules { ports: vec![443, 8443], ..UrlRules::default() };
        assert!(PublicUrl::parse("https://example.com:8443/", &rules).is_ok());
        assert!(reason("https://example.com:22/", &rules).contains("443, 8443"));
    }

    #[test]
    fn a_url_does_not_get_into_a_log_by_mistake() {
        let url = PublicUrl::parse("https://example.com/secret", &UrlRules::default()).unwrap();
        assert!(!format!("{url:?}").contains("example"));
        assert!(!reason("https://10.0.0.1/secret", &UrlRules::default()).contains("secret"));
    }

    proptest! {
        #[test]
        fn the_host_that_is_checked_is_the_one_that_is_posted_to(text in "https://[a-z0-9.:@/\\\\?\\[\\]%_~|^\"-]{1,30}") {
            if let Ok(url) = PublicUrl::parse(&text, &UrlRules::default()) {
                let checked = Url::parse(&text).unwrap();
                prop_assert_eq!(url.uri().host(), checked.host_str());
                prop_assert_eq!(url.uri().scheme_str(), Some("https"));
                prop_assert!(url.address().is_none_or(is_public));
            }
        }
    }
}
