//! Tokens: minted where the secret is at hand, read where it is not.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::is_loopback;
use crate::channel::Channel;

/// Where the local stack keeps the secret of this machine, in the home folder.
const LOCAL_SECRET: &str = ".tidings/local-secret";

/// The claims of a token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Lenient")]
pub struct Claims {
    /// The user.
    pub sub: String,
    /// When the token was made, in seconds since 1970; 0 if it does not say.
    pub iat: u64,
    /// When the token ends, in seconds since 1970.
    pub exp: u64,
    /// Patterns of the channels that may be read besides the user's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<String>,
    /// Patterns of the channels that may be sent to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<String>,
    /// The channels that a connection joins besides the user's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// The claims as they are read. The server decides whether a token is good, and issuers write times with fractions.
#[derive(Deserialize)]
struct Lenient {
    sub: String,
    exp: f64,
    #[serde(default)]
    iat: Value,
    #[serde(default)]
    subscribe: Value,
    #[serde(default)]
    publish: Value,
    #[serde(default)]
    channels: Value,
}

impl From<Lenient> for Claims {
    fn from(claims: Lenient) -> Self {
        Self {
            sub: claims.sub,
            // What is out of range becomes the nearest that is not.
            iat: claims.iat.as_f64().unwrap_or_default() as u64,
            exp: claims.exp as u64,
            subscribe: strings(&claims.subscribe),
            publish: strings(&claims.publish),
            channels: strings(&claims.channels).iter().filter_map(|name| name.parse().ok()).collect(),
        }
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}

/// Why there is no token, or no claims.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The local stack's secret cannot be read.
    #[error("cannot read this machine's secret {}: {source}; start a local stack (`cargo local`), which makes it", path.display())]
    NoLocalSecret {
        /// Where the secret is looked for.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
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
        Self::read_unverified_by(token, "sub")
    }

    /// The same of a token whose claim `user_claim` names the user: `sub` becomes what that says, if it is there.
    ///
    /// # Errors
    /// The text is no JWT, or names no user or no end.
    pub fn read_unverified_by(token: &str, user_claim: &str) -> Result<Self, TokenError> {
        let mut claims: Map<String, Value> =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(TokenError::Read)?;
        if let Some(user) = claims.get(user_claim).cloned() {
            claims.insert("sub".to_owned(), user);
        }
        serde_json::from_value(claims.into()).map_err(|error| TokenError::Read(error.into()))
    }

    /// The channels that a connection with this token joins.
    #[must_use]
    pub fn joined(&self) -> Vec<Channel> {
        Channel::inbox(&self.sub).into_iter().chain(self.channels.iter().cloned()).collect()
    }

    /// The time until the token expires.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        Duration::from_secs(self.exp).saturating_sub(seconds_since_1970())
    }

    /// The time for which a token is good that the server just accepted, as far as that can be known: this machine's
    /// clock may be wrong.
    pub(crate) fn lifetime(&self) -> Option<Duration> {
        let whole = Duration::from_secs(self.exp.saturating_sub(self.iat));
        let whole = (self.iat > 0 && !whole.is_zero()).then_some(whole);
        let rest = Some(self.remaining()).filter(|rest| !rest.is_zero());
        rest.into_iter().chain(whole).min()
    }
}

/// The secret of local stacks on this machine: random, made by the first of them, and readable by the user who started it. A deployed
/// stack has another one.
///
/// # Errors
/// No stack has run here yet, or it was somebody else's.
pub fn local_secret() -> Result<String, TokenError> {
    let path = std::env::home_dir().unwrap_or_default().join(LOCAL_SECRET);
    match std::fs::read_to_string(&path) {
        Ok(secret) => Ok(secret.trim().to_owned()),
        Err(source) => Err(TokenError::NoLocalSecret { path, source }),
    }
}

/// Whether an address is this machine's own, where alone [`local_secret`] is of use.
#[must_use]
pub fn is_local(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| is_loopback(&url))
}

fn seconds_since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "a secret of at least thirty-two bytes";

    #[test]
    fn a_token_carries_its_claims() {
        let mut claims = Claims::new("alice", Duration::from_secs(60));
        claims.channels = vec!["topic:news".parse().unwrap()];
        claims.subscribe = vec!["topic:*".to_owned()];
        let token = claims.sign(SECRET).unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes());
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

    fn token_of(claims: &Value) -> String {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }

    #[test]
    fn what_the_server_accepts_is_read() {
        let claims = json!({"sub": "alice", "exp": 1_795_000_000.9, "iat": 1_794_999_400.5, "aud": ["x"],
            "subscribe": null, "publish": "x", "channels": ["topic:a", 7, "no channel", "topic:b"]});
        let read = Claims::read_unverified(&token_of(&claims)).unwrap();
        assert_eq!((read.exp, read.iat), (1_795_000_000, 1_794_999_400));
        let joined: Vec<_> = read.joined().iter().map(ToString::to_string).collect();
        assert_eq!(joined, ["user:alice", "topic:a", "topic:b"]);
    }

    #[test]
    fn another_claim_may_name_the_user() {
        let token = token_of(&json!({"sub": "9f3c", "email": "alice@example.org", "exp": 1_795_000_000}));
        let joined = |claim| Claims::read_unverified_by(&token, claim).unwrap().joined();
        assert_eq!(joined("email"), ["user:alice@example.org".parse().unwrap()]);
        assert_eq!(joined("upn"), ["user:9f3c".parse().unwrap()], "as in a token that the stack's secret signs");
    }

    #[test]
    fn a_lifetime_is_known_whatever_this_machines_clock_says() {
        let now = seconds_since_1970().as_secs();
        let lifetime = |iat: u64, exp: u64| Claims { iat, exp, ..Claims::default() }.lifetime().map(|l| l.as_secs());
        assert!((500..=600).contains(&lifetime(now - 3_000, now + 600).unwrap()));
        // The clock is slow: the token was made later than now.
        assert_eq!(lifetime(now + 5_000, now + 5_600), Some(600));
        // The clock is fast: the token has ended, and was accepted all the same.
        assert_eq!(lifetime(now - 5_600, now - 5_000), Some(600));
        assert_eq!(lifetime(0, now - 5_000), None);
        assert_eq!(lifetime(now, u64::MAX).map(|seconds| seconds > 1 << 40), Some(true));
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
