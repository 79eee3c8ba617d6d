//! Keys that follow from the stack's secret, one for each use.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

/// The key for what `label` names. No token is signed over a label: it would have a full stop.
pub(super) fn key(secret: &str, label: &'static str) -> Key {
    let secret = Key::new(HMAC_SHA256, secret.as_bytes());
    Key::new(HMAC_SHA256, sign(&secret, label.as_bytes()).as_ref())
}
