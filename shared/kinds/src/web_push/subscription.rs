//! The subscription that a browser gives to its page.

use std::fmt;

use aws_lc_rs::agreement::{ECDH_P256, ParsedPublicKey, UnparsedPublicKey};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// The most characters of a push service's URL. Those in use have some 200.
const MAX_URL: usize = 2_048;

/// Browsers write no padding, some libraries and `btoa` do.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A subscription as `PushSubscription.toJSON()` writes it, in requests and in rows alike.
///
/// It is read by the serde of its parts, so that [`fields`](domain::request::fields) names the one that is wrong.
/// Its URL and its secret are shown by no `Debug`: they open a way to somebody's screen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Fields")]
pub struct Subscription {
    /// Where to post to.
    pub endpoint: PushUrl,
    /// For whom to encrypt.
    pub keys: SubscriptionKeys,
}

/// The fields, as they come.
#[derive(Deserialize)]
struct Fields {
    endpoint: PushUrl,
    /// Taken and not kept: the push service says by itself when a subscription is gone.
    #[serde(rename = "expirationTime")]
    _expiration_time: Option<f64>,
    keys: SubscriptionKeys,
}

impl From<Fields> for Subscription {
    fn from(fields: Fields) -> Self {
        Self { endpoint: fields.endpoint, keys: fields.keys }
    }
}

/// A browser's keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionKeys {
    /// The public key that messages are encrypted for.
    pub p256dh: PublicKey,
    /// The secret that the push service does not know.
    pub auth: Auth,
}

/// The address of one subscription at its push service: `https`, or `http` to this machine;
/// at most 2,048 characters; without credentials and fragment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PushUrl(Url);

impl PushUrl {
    /// The URL as the HTTP client takes it.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl TryFrom<String> for PushUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = Url::parse(&text).map_err(|error| format!("is no URL: {error}"))?;
        let is_sendable = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
        if !is_sendable {
            return Err("has to begin with https://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user name or a password, which a push service never needs".to_owned());
        }
        if url.fragment().is_some() {
            return Err("has a fragment (#…), which no server sees".to_owned());
        }
        if url.as_str().len() > MAX_URL {
            return Err(format!("has more than {MAX_URL} characters"));
        }
        Ok(Self(url))
    }
}

impl From<PushUrl> for String {
    fn from(url: PushUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Debug for PushUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PushUrl(…)")
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A point of P-256, uncompressed (RFC 8291 section 2.1).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; Self::LEN]);

impl PublicKey {
    /// The bytes of an uncompressed point.
    pub const LEN: usize = 65;

    /// The point: a 4 and both its coordinates.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl TryFrom<String> for PublicKey {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let wrong = "has to be a public key of P-256 in base64url: 65 bytes, of which the first is 4";
        let point: [u8; Self::LEN] = decode(&text).ok_or(wrong)?;
        // The "hybrid" form has the same length and another first byte, and is not what the RFC says.
        let is_uncompressed = point[0] == 4;
        // With any other point every attempt would fail.
        let is_on_curve = ParsedPublicKey::try_from(UnparsedPublicKey::new(&ECDH_P256, &point)).is_ok();
        if is_uncompressed && is_on_curve { Ok(Self(point)) } else { Err(wrong) }
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        BASE64_URL_SAFE_NO_PAD.encode(key.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(…)")
    }
}

/// The authentication secret (RFC 8291 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Auth([u8; Self::LEN]);

impl Auth {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// The secret itself.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl TryFrom<String> for Auth {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        decode(&text).map(Self).ok_or("has to be 16 bytes in base64url")
    }
}

impl From<Auth> for String {
    fn from(auth: Auth) -> Self {
        BASE64_URL_SAFE_NO_PAD.encode(auth.0)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth(…)")
    }
}

/// Exactly so many bytes of base64url or base64, with or without padding: pages that encode with `btoa` write `+` and `/`.
fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE64URL.decode(text.replace('+', "-").replace('/', "_")).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::agreement::PrivateKey;
    use base64::prelude::BASE64_STANDARD;
    use domain::refusal::Refusal;
    use domain::request;
    use serde_json::{Value, json};

    use super::*;

    const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

    fn with(path: &str, value: Value) -> Value {
        let mut subscription = json!({
            "endpoint": "https://push.example.net/s/1?x=2",
            "expirationTime": null,
            "keys": {"p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"},
        });
        *subscription.pointer_mut(path).unwrap() = value;
        subscription
    }

    fn parse(subscription: Value) -> Result<Subscription, Refusal> {
        #[derive(Deserialize)]
        struct Request {
            subscription: Subscription,
        }
        let request = json!({"subscription": subscription});
        request::fields::<Request>(request.as_object().unwrap().clone()).map(|request| request.subscription)
    }

    fn field(subscription: Value) -> Option<String> {
        parse(subscription).unwrap_err().field
    }

    #[test]
    fn what_a_browser_gives_is_taken_and_stored_as_it_came() {
        let mut given = with("/expirationTime", json!(1_795_290_300_123.5));
        let read = parse(given.clone()).unwrap();
        given.as_object_mut().unwrap().remove("expirationTime");
        assert_eq!(serde_json::to_value(&read).unwrap(), given);
        assert_eq!(parse(given).unwrap(), read);
    }

    #[test]
    fn padding_is_taken() {
        assert_eq!(
            parse(with("/keys/p256dh", json!(format!("{P256DH}=")))),
            parse(with("/expirationTime", json!(null)))
        );
        assert!(parse(with("/keys/auth", json!("BTBZMqHH6r4Tts7J_aSIgg=="))).is_ok());
    }

    #[test]
    fn keys_that_btoa_has_written_are_taken_and_stored_as_browsers_write_them() {
        // 65 bytes of which base64 has many a `+` and `/`: the first of these points that has both.
        let point = loop {
            let key = PrivateKey::generate(&ECDH_P256).unwrap().compute_public_key().unwrap();
            let text = BASE64_STANDARD.encode(&key);
            if text.contains('+') && text.contains('/') {
                break text;
            }
        };
        let given = json!({"endpoint": "https://push.example.net/s", "keys": {"p256dh": point, "auth": "+/+/+/+/+/+/+/+/+/+/+w=="}});
        let stored = serde_json::to_value(parse(given).unwrap()).unwrap();
        let p256dh = point.replace('+', "-").replace('/', "_").replace('=', "");
        assert_eq!(stored["keys"], json!({"p256dh": p256dh, "auth": "-_-_-_-_-_-_-_-_-_-_-w"}));
    }

    #[test]
    fn a_url_that_a_push_service_would_not_give_is_refused() {
        for bad in [
            "",
            "push.example.net/s",
            "http://push.example.net/s",
            "ftp://push.example.net/s",
            "https://",
            "https://user@push.example.net/s",
            "https://user:password@push.example.net/s",
            "https://push.example.net/s#part",
            &format!("https://push.example.net/{}", "s".repeat(MAX_URL - 24)),
        ] {
            assert_eq!(field(with("/endpoint", json!(bad))).as_deref(), Some("subscription.endpoint"), "{bad}");
        }
        let longest = format!("https://push.example.net/{}", "s".repeat(MAX_URL - 25));
        assert!(parse(with("/endpoint", json!(longest))).is_ok());
    }

    #[test]
    fn plain_http_is_for_one_machine() {
        for local in ["http://127.0.0.1:9000/s", "http://localhost/s", "http://[::1]:1/s"] {
            assert!(parse(with("/endpoint", json!(local))).is_ok(), "{local}");
        }
        assert!(parse(with("/expirationTime", json!(null))).is_ok());
    }

    #[test]
    fn a_key_has_to_be_a_point_of_the_curve() {
        let off_the_curve = BASE64_URL_SAFE_NO_PAD.encode([4; PublicKey::LEN]);
        let mut bytes = BASE64URL.decode(P256DH).unwrap();
        bytes[0] = 6 + bytes[64] % 2;
        let hybrid = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
        bytes[0] = 2 + bytes[64] % 2;
        let compressed = BASE64_URL_SAFE_NO_PAD.encode(&bytes[..33]);
        for bad in ["", "?", "AAAA", &P256DH[1..], &off_the_curve, &hybrid, &compressed] {
            assert_eq!(field(with("/keys/p256dh", json!(bad))).as_deref(), Some("subscription.keys.p256dh"), "{bad}");
        }
    }

    #[test]
    fn a_secret_has_sixteen_bytes() {
        for bad in ["", "BTBZMqHH6r4Tts7J_aSI", "BTBZMqHH6r4Tts7J_aSIggAA", "BTBZMqHH6r4Tts7J aSIgg"] {
            assert_eq!(field(with("/keys/auth", json!(bad))).as_deref(), Some("subscription.keys.auth"), "{bad}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(field(with("/keys", json!({"p256dh": P256DH}))).as_deref(), Some("subscription.keys.auth"));
    }

    #[test]
    fn nothing_of_it_is_shown() {
        let shown = format!("{:?}", parse(with("/expirationTime", json!(null))).unwrap());
        assert!(!shown.contains("example") && !shown.contains("BCVx") && !shown.contains("BTBZ"), "{shown}");
    }
}
