//! Tokens as an application's server would make them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Value, json};

/// The home folder of the stacks under test, and of the programs that use them: none is written to in the user's own.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("home")
}

/// The secret that the first stack has made in [`home`].
pub(crate) fn local_secret() -> &'static str {
    static SECRET: OnceLock<String> = OnceLock::new();
    let read = || std::fs::read_to_string(home().join(".tidings/local-secret")).expect("no stack has started yet");
    SECRET.get_or_init(|| read().trim().to_owned())
}

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
