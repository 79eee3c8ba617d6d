//! The page's settings of its stack, read from the environment once.

use shared::settings::{InvalidSetting, PageSettings};

/// The page's settings.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) websocket: WebSocketUrl,
    /// The secret of the machine that a local stack runs on; nothing in a deployed one.
    pub(crate) local_token_secret: Option<String>,
    /// The public key of Web Push; nothing where the stack pushes to no browsers.
    pub(crate) vapid_public_key: Option<String>,
    /// The claim that names the user in tokens signed by a public key.
    pub(crate) user_claim: String,
}

impl Settings {
    /// Reads them from the environment.
    pub(crate) fn from_env() -> Result<Self, InvalidSetting> {
        let PageSettings { websocket_url, local_token_secret, vapid_public_key, user_claim } =
            PageSettings::from_env()?;
        let websocket = WebSocketUrl::parse(&websocket_url)
            .map_err(|reason| InvalidSetting::Invalid { name: "WEBSOCKET_URL", reason })?;
        Ok(Self { websocket, local_token_secret, vapid_public_key, user_claim })
    }
}

/// Where the page opens its socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebSocketUrl {
    text: String,
    /// Up to where scheme, host and port reach.
    origin: usize,
}

impl WebSocketUrl {
    /// Only what may stand in a header as it is passes: a policy with a space or semicolon in it would say something else.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let scheme = ["wss://", "ws://"].into_iter().find(|scheme| text.starts_with(scheme));
        let scheme = scheme.ok_or_else(|| format!("{text:?} has to begin with wss:// or ws://"))?;
        let host = &text[scheme.len()..];
        let end = host.find('/').unwrap_or(host.len());
        let may_stand = |c: char| c.is_ascii_alphanumeric() || ".:-[]".contains(c);
        if end == 0 || !host[..end].chars().all(may_stand) {
            return Err(format!("{text:?} has to have a host, and perhaps a port, after its scheme"));
        }
        Ok(Self { text: text.to_owned(), origin: scheme.len() + end })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Without the path, as a content security policy names it.
    pub(crate) fn origin(&self) -> &str {
        &self.text[..self.origin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_websocket_url_has_an_origin() {
        let origin = |text| WebSocketUrl::parse(text).unwrap().origin().to_owned();
        assert_eq!(origin("ws://127.0.0.1:3001"), "ws://127.0.0.1:3001");
        assert_eq!(origin("ws://[::1]:3001/"), "ws://[::1]:3001");
        assert_eq!(
            origin("wss://a1b2c3.execute-api.us-east-1.amazonaws.com/prod"),
            "wss://a1b2c3.execute-api.us-east-1.amazonaws.com"
        );
    }

    #[test]
    fn what_would_change_the_policy_is_no_websocket_url() {
        for text in
            ["", "https://example.com", "wss://", "wss:///prod", "wss://a b", "wss://a;script-src *", "wss://a,b"]
        {
            assert!(WebSocketUrl::parse(text).is_err(), "{text}");
        }
    }
}
