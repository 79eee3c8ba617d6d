//! Tokens: minted where the secret is at hand, read where it is not.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

use crate::channel::Channel;

/// The public secret of the local stack, the same as `LocalTokenSecret` in `samconfig.toml`. It signs tokens for this
/// machine only: a deployed stack makes its own secret.
pub const LOCAL_SECRET: &str = "tidings-local-secret-that-no-deployed-stack-accepts";

/// What a token says of its bearer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// When the token was made, in seconds since 1970.
    #[serde(default)]
    pub iat: u64,
    /// When the token ends, in seconds since 1970.
    pub exp: u64,
    /// Patterns of the channels that may be read besides the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<String>,
    /// Patterns of the channels that may be sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<String>,
    /// The channels that a connection joins besides the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// Why there is no token, or no claims.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret cannot sign.
    #[error("the token could not be signed")]
    Sign(#[source] jsonwebtoken::errors::Error),
    /// The text is no JWT, or lacks a claim.
    #[error("this is not a token that Tidings could accept: {0}")]
    Read(#[source] jsonwebtoken::errors::Error),
}

impl Claims {
    /// A user's claims, good for `lifetime` from now.
    #[must_use]
    pub fn new(sub: &str, lifetime: Duration) -> Self {
        let iat = seconds_since_1970().as_secs();
        Self { sub: sub.to_owned(), iat, exp: iat.saturating_add(lifetime.as_secs()), ..Self::default() }
    }

    /// Signs the claims with HS256.
    ///
    /// # Errors
    /// The secret cannot sign.
    pub fn sign(&self, secret: &str) -> Result<String, TokenError> {
        let key = EncodingKey::from_secret(secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), self, &key).map_err(TokenError::Sign)
    }

    /// Reads a token's claims **without verifying them**: for a bearer that wants to know what its own token says.
    ///
    /// # Errors
    /// The text is no JWT, or lacks `sub` or `exp`.
    pub fn read_unverified(token: &str) -> Result<Self, TokenError> {
        jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(TokenError::Read)
    }

    /// The channels that a connection with this token joins.
    #[must_use]
    pub fn joined(&self) -> Vec<Channel> {
        Channel::inbox(&self.sub).into_iter().chain(self.channels.iter().cloned()).collect()
    }

    /// How long the token is still good for.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_secs(self.exp).saturating_sub(seconds_since_1970())
    }
}

/// Whether an address is this machine's own, where alone [`LOCAL_SECRET`] is of use.
#[must_use]
pub fn is_local(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || host.ends_with(".localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn seconds_since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_secret_is_the_one_in_samconfig() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samconfig.toml");
        let samconfig = std::fs::read_to_string(path).unwrap();
        let (_, local) = samconfig.split_once("[local.deploy.parameters]").unwrap();
        let (_, rest) = local.split_once("\"LocalTokenSecret=").unwrap();
        let (secret, _) = rest.split_once('"').unwrap();
        assert_eq!(secret, LOCAL_SECRET);
    }

    #[test]
    fn a_token_carries_its_claims() {
        let mut claims = Claims::new("alice", Duration::from_secs(60));
        claims.channels = vec!["topic:news".parse().unwrap()];
        claims.subscribe = vec!["topic:*".to_owned()];
        let token = claims.sign(LOCAL_SECRET).unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(LOCAL_SECRET.as_bytes());
        let verified =
            jsonwebtoken::decode::<Claims>(&token, &key, &jsonwebtoken::Validation::new(Algorithm::HS256)).unwrap();
        assert_eq!(verified.claims, claims);
        assert_eq!(Claims::read_unverified(&token).unwrap(), claims);
        let joined: Vec<_> = claims.joined().iter().map(ToString::to_string).collect();
        assert_eq!(joined, ["user:alice", "topic:news"]);
        assert!(claims.remaining() > Duration::from_secs(50));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        assert!(Claims::read_unverified("alice").is_err());
    }

    #[test]
    fn only_this_machine_is_local() {
        for url in ["http://127.0.0.1:3000", "ws://localhost:3001", "ws://[::1]:3001", "http://127.1.2.3"] {
            assert!(is_local(url), "{url}");
        }
        for url in
            ["https://example.org", "http://10.0.0.1", "http://localhost.example.org", "http://127.0.0.1@a.b", ""]
        {
            assert!(!is_local(url), "{url}");
        }
    }
}
