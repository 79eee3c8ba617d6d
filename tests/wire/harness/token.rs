//! Tokens as an application's server would make them.

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

/// The secret in samconfig's `local` environment.
pub(crate) const LOCAL_SECRET: &str = "tidings-local-secret-that-no-deployed-stack-accepts";

/// A moment that no test lives to see, in seconds since 1970.
pub(crate) fn in_an_hour() -> u64 {
    get_current_timestamp() + 3600
}

/// A token with these claims; `exp` is added where it is missing.
pub(crate) fn sign(claims: &Value, secret: &str) -> String {
    let mut claims = claims.clone();
    if claims.get("exp").is_none() {
        claims["exp"] = json!(in_an_hour());
    }
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
}
