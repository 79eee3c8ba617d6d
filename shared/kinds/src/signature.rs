//! Signing as the Standard Webhooks specification 1.0.0 says.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::time::Seconds;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const PREFIX: &str = "whsec_";

/// The bytes of the secrets that are made here; the specification allows 24 to 64.
const OURS: usize = 32;

/// The secret that signs a webhook's messages. Its text form is `whsec_` and the base64 of 24 to 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Vec<u8>);

/// The text is no secret in the specification's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is `whsec_` and the base64 of 24 to 64 bytes")]
pub struct InvalidSecret;

impl WebhookSecret {
    /// A new one: 32 bytes that nobody can guess.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<[u8; OURS]>().to_vec())
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// It is another one.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let bytes = text.strip_prefix(PREFIX).and_then(|rest| BASE64_STANDARD.decode(rest).ok());
        bytes.filter(|bytes| (24..=64).contains(&bytes.len())).map(Self).ok_or(InvalidSecret)
    }

    /// The text form: for its owner, and for the row where it is kept.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    fn signature(&self, id: &str, timestamp: Seconds, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(context.sign()))
    }
}

/// In its text form: in the row where it is kept.
impl Serialize for WebhookSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.reveal().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WebhookSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A message's id is empty, or has a character that a header or the signed text has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook message's id has visible ASCII characters, and no full stop")]
pub struct InvalidId;

/// The three headers of a message that goes out at `timestamp`: `webhook-id`, `webhook-timestamp`
/// and `webhook-signature` with one signature for each secret. A message keeps its id through all its tries; receivers drop
/// doubles by it.
///
/// # Errors
/// The id has a full stop, which parts id, timestamp and body in what is signed, or characters that no header can have.
pub fn headers(id: &str, timestamp: Seconds, body: &[u8], secrets: &[&WebhookSecret]) -> Result<HeaderMap, InvalidId> {
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
        return Err(InvalidId);
    }
    let signatures: Vec<_> = secrets.iter().map(|secret| secret.signature(id, timestamp, body)).collect();
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| InvalidId)?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(headers: &HeaderMap) -> &str {
        headers["webhook-signature"].to_str().unwrap()
    }

    #[test]
    fn the_example_of_the_specifications_libraries_is_signed_as_they_sign_it() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = headers("msg_p5jXN8AQM9LWM0D4loKWxJek", Seconds(1_614_265_330), body, &[&secret]).unwrap();
        assert_eq!(headers["webhook-id"], "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(signature(&headers), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn during_a_rotation_both_secrets_sign() {
        let (new, old) = (WebhookSecret::random(), WebhookSecret::random());
        let of = |secrets: &[&WebhookSecret]| signature(&headers("m", Seconds(1), b"{}", secrets).unwrap()).to_owned();
        assert_eq!(of(&[&new, &old]), format!("{} {}", of(&[&new]), of(&[&old])));
        assert_ne!(of(&[&new]), of(&[&old]));
    }

    #[test]
    fn an_id_cannot_move_the_border_between_itself_and_the_timestamp() {
        for id in ["", "a.1", "a b", "a\n", "é"] {
            assert_eq!(headers(id, Seconds(1), b"{}", &[]), Err(InvalidId), "{id}");
        }
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_shown_to_nobody() {
        let secret = WebhookSecret::random();
        let text = secret.reveal();
        assert_eq!(text.len(), PREFIX.len() + 44);
        assert_eq!(WebhookSecret::parse(&text), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_ne!(WebhookSecret::random(), secret);
        let of = |length: usize| format!("{PREFIX}{}", BASE64_STANDARD.encode(vec![7; length]));
        assert!(WebhookSecret::parse(&of(24)).is_ok() && WebhookSecret::parse(&of(64)).is_ok());
        for wrong in [of(23), of(65), text.replace("whsec_", ""), format!("{text}!"), String::new()] {
            assert_eq!(WebhookSecret::parse(&wrong), Err(InvalidSecret), "{wrong}");
        }
    }
}
