//! Who we are to a push service (RFC 8292).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use domain::time::{Millis, Seconds};
use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::message::Failed;

/// The lifetime of a token, in seconds: half of what RFC 8292 section 2 allows, so that clocks may differ.
const LIFETIME: i64 = 12 * 60 * 60;

/// The most push services whose tokens are kept. Users name them, so there may be any number.
const KEPT: usize = 100;

/// The key pair that subscriptions are made with, and whom a push service may write to. `Debug` shows nothing of it.
pub struct VapidKeys {
    private: EncodingKey,
    public: String,
    subject: String,
    /// The last token for each push service.
    signed: Mutex<HashMap<String, SignedToken>>,
}

/// As it is kept in Secrets Manager, and as `tidings vapid` prints it.
#[derive(Deserialize)]
struct StoredVapidKeys {
    private_key: String,
    public_key: String,
    subject: String,
}

/// Why the keys that are kept cannot be used. Says nothing of what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// It is no such JSON.
    #[error("it is no JSON object of `private_key`, `public_key` and `subject`")]
    Json,
    /// The keys are not of P-256, or belong to two pairs.
    #[error("its keys are no pair of P-256 in base64url (32 and 65 bytes)")]
    Pair,
    /// Nobody can be written to.
    #[error("its `subject` is neither mailto:<address> nor https://…")]
    Subject,
}

impl VapidKeys {
    /// Reads `{"private_key": "…", "public_key": "…", "subject": "mailto:…"}`: both keys in base64url, the private one as a
    /// number of 32 bytes, the public one as an uncompressed point.
    ///
    /// # Errors
    /// Why they cannot be used.
    pub fn parse(secret: &str) -> Result<Self, InvalidKeys> {
        let kept: StoredVapidKeys = serde_json::from_str(secret).map_err(|_| InvalidKeys::Json)?;
        let pair = key_pair(&kept).ok_or(InvalidKeys::Pair)?;
        let private = pair.to_pkcs8v1().map_err(|_| InvalidKeys::Pair)?;
        if !is_contact(&kept.subject) {
            return Err(InvalidKeys::Subject);
        }
        Ok(Self {
            private: EncodingKey::from_ec_der(private.as_ref()),
            public: BASE64_URL_SAFE_NO_PAD.encode(pair.public_key()),
            subject: kept.subject,
            signed: Mutex::default(),
        })
    }

    /// The public key in base64url, as browsers take it for `applicationServerKey`.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// A new token for a push service.
    ///
    /// # Errors
    /// It could not be signed.
    pub fn sign(&self, origin: &str, now: Millis) -> Result<SignedToken, Failed> {
        let at = now.seconds();
        let claims = Claims { aud: origin, exp: at + LIFETIME, sub: &self.subject };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.private)
            .map_err(Failed::of("sign a VAPID token"))?;
        // No space behind the comma: the library that many push with writes none, and some read only that.
        Ok(SignedToken { at, authorization: format!("vapid t={token},k={}", self.public) })
    }

    /// The token for a push service that this process keeps, if it is fresh.
    #[must_use]
    pub fn kept(&self, origin: &str, now: Millis) -> Option<SignedToken> {
        self.signed().get(origin).filter(|signed| signed.is_fresh(now)).cloned()
    }

    /// Keeps a token for a push service.
    pub fn keep(&self, origin: String, token: SignedToken, now: Millis) {
        let mut signed = self.signed();
        if signed.len() >= KEPT {
            signed.retain(|_, token| token.is_fresh(now));
        }
        if signed.len() >= KEPT {
            signed.clear();
        }
        signed.insert(origin, token);
    }

    fn signed(&self) -> MutexGuard<'_, HashMap<String, SignedToken>> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token for a push service. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedToken {
    /// When it was signed.
    pub at: Seconds,
    /// The value of `Authorization`.
    pub authorization: String,
}

impl SignedToken {
    /// The time for which a token is used again, in seconds: Apple's service asks for no new one within an hour. At the end of
    /// this hour the token is still valid for 11 hours.
    pub const REUSED: i64 = 60 * 60;

    /// By how much the clocks of two processes may differ, in seconds. A token that is further ahead is not used: the clock that
    /// it was signed by was wrong, and so is its end.
    pub const AHEAD: i64 = 60;

    /// The header `Authorization`.
    ///
    /// # Errors
    /// The token has characters that no header has.
    pub fn header(&self) -> Result<HeaderValue, Failed> {
        sensitive(&self.authorization)
    }

    fn is_fresh(&self, now: Millis) -> bool {
        (self.at - Self::AHEAD..self.at + Self::REUSED).contains(&now.seconds())
    }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signed(…)")
    }
}

/// A header's value that no log shows.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, Failed> {
    let mut value = HeaderValue::from_str(text).map_err(Failed::of("write a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The push service of a subscription, as a token names it (RFC 6454 section 6.1).
#[must_use]
pub fn origin(url: &Url) -> String {
    url.origin().unicode_serialization()
}

/// The claims for a push service.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: Seconds,
    sub: &'a str,
}

impl fmt::Debug for VapidKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VapidKeys(…)")
    }
}

fn key_pair(kept: &StoredVapidKeys) -> Option<EcdsaKeyPair> {
    let private = BASE64_URL_SAFE_NO_PAD.decode(&kept.private_key).ok()?;
    let public = BASE64_URL_SAFE_NO_PAD.decode(&kept.public_key).ok()?;
    // A compressed point would be taken too, and then refused by browsers.
    (private.len() == 32 && public.len() == 65).then_some(())?;
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public).ok()
}

/// RFC 8292 section 2.1. Apple's service refuses a subject with spaces or angle brackets.
fn is_contact(subject: &str) -> bool {
    let is_plain = !subject.contains(|c: char| c.is_whitespace() || c == '<' || c == '>');
    let address = subject.strip_prefix("mailto:").and_then(|address| address.split_once('@'));
    let is_mail = address.is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty());
    let is_page = subject.starts_with("https://") && Url::parse(subject).is_ok();
    is_plain && (is_mail || is_page)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use serde_json::{Value, json};

    use super::*;

    const PRIVATE: &str = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
    const PUBLIC: &str = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8";
    const OTHER_PUBLIC: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

    fn parse(private: &str, public: &str, subject: &str) -> Result<VapidKeys, InvalidKeys> {
        VapidKeys::parse(&json!({"private_key": private, "public_key": public, "subject": subject}).to_string())
    }

    fn keys() -> VapidKeys {
        parse(PRIVATE, PUBLIC, "mailto:ops@example.com").unwrap()
    }

    fn authorization(url: &Url, now: Millis) -> String {
        keys().sign(&origin(url), now).unwrap().authorization
    }

    /// Claims and public key of a header, if the one signed the other.
    fn verify(authorization: &str) -> Option<(Value, &str)> {
        let (token, key) = authorization.strip_prefix("vapid t=")?.split_once(",k=")?;
        let point = BASE64_URL_SAFE_NO_PAD.decode(key).ok()?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        let token = jsonwebtoken::decode(token, &DecodingKey::from_ec_der(&point), &validation).ok()?;
        Some((token.claims, key))
    }

    #[test]
    fn the_token_says_for_which_service_until_when_and_whom_to_write_to() {
        let url = Url::parse("https://push.example.net/send/secret?x=1").unwrap();
        let authorization = authorization(&url, Millis(1_000_999));
        let (claims, key) = verify(&authorization).unwrap();
        assert_eq!(
            claims,
            json!({"aud": "https://push.example.net", "exp": 1_000 + 43_200, "sub": "mailto:ops@example.com"})
        );
        assert_eq!(key, PUBLIC);
    }

    #[test]
    fn no_log_shows_a_token() {
        let signed = keys().sign("https://push.example.net:8443", Millis(5_000)).unwrap();
        let header = signed.header().unwrap();
        assert_eq!(header, signed.authorization.as_str());
        assert!(header.is_sensitive() && !format!("{header:?}").contains("vapid t="), "{header:?}");
    }

    #[test]
    fn the_audience_has_a_port_where_it_is_not_the_usual_one() {
        for (url, audience) in [
            ("https://push.example.net:8443/s", "https://push.example.net:8443"),
            ("https://push.example.net:443/s", "https://push.example.net"),
            ("http://127.0.0.1:9000/s", "http://127.0.0.1:9000"),
            ("https://[2001:DB8::1]/s", "https://[2001:db8::1]"),
        ] {
            let authorization = authorization(&Url::parse(url).unwrap(), Millis(0));
            assert_eq!(verify(&authorization).unwrap().0["aud"], audience);
        }
    }

    #[test]
    fn a_token_is_fresh_for_an_hour_and_for_its_push_service() {
        let (keys, at) = (keys(), |seconds: i64| Millis(seconds * 1000));
        let signed = keys.sign("https://push.example.net", at(1_000)).unwrap();
        keys.keep("https://push.example.net".to_owned(), signed.clone(), at(1_000));
        for (origin, seconds, is_kept) in [
            ("https://push.example.net", 1_000, true),
            ("https://push.example.net", 1_000 + 3_599, true),
            ("https://push.example.net", 1_000 + 3_600, false),
            ("https://push.example.net", 1_000 - 60, true),
            ("https://push.example.net", 1_000 - 61, false),
            ("https://push.example.org", 1_000, false),
        ] {
            let expected = is_kept.then(|| signed.clone());
            assert_eq!(keys.kept(origin, at(seconds)), expected, "{origin} at {seconds}");
        }
        assert_eq!(format!("{signed:?}"), "Signed(…)");
    }

    #[test]
    fn as_many_push_services_as_users_name_are_not_kept() {
        let keys = keys();
        let signed = keys.sign("https://push.example.net", Millis(0)).unwrap();
        for n in 0..3 * KEPT {
            keys.keep(format!("https://{n}.example.net"), signed.clone(), Millis(0));
        }
        assert!(keys.signed().len() <= KEPT);
    }

    #[test]
    fn a_changed_token_does_not_verify() {
        let url = Url::parse("https://push.example.net/").unwrap();
        let authorization = authorization(&url, Millis(0));
        assert!(verify(&authorization).is_some());
        let swapped = authorization.replace(PUBLIC, OTHER_PUBLIC);
        assert_eq!(verify(&swapped), None);
    }

    #[test]
    fn keys_have_to_be_a_pair() {
        assert_eq!(parse(PRIVATE, PUBLIC, "mailto:a@b").unwrap().public_key(), PUBLIC);
        for (private, public) in [
            (PRIVATE, OTHER_PUBLIC),
            ("", PUBLIC),
            (&PRIVATE[..42], PUBLIC),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", PUBLIC),
            (PRIVATE, ""),
            (PRIVATE, "no base64url!"),
        ] {
            assert_eq!(parse(private, public, "mailto:a@b").unwrap_err(), InvalidKeys::Pair);
        }
    }

    #[test]
    fn a_push_service_has_to_be_able_to_write_to_somebody() {
        assert!(parse(PRIVATE, PUBLIC, "https://example.com/contact").is_ok());
        for subject in
            ["", "mailto:", "mailto:@b", "mailto:a@", "mailto: a@b", "mailto:<a@b>", "a@b", "https://", "http://a.b"]
        {
            assert_eq!(parse(PRIVATE, PUBLIC, subject).unwrap_err(), InvalidKeys::Subject, "{subject}");
        }
    }

    #[test]
    fn neither_an_error_nor_debug_shows_a_key() {
        for text in [PRIVATE, &format!("\"{PRIVATE}\""), &format!("{{\"private_key\": [\"{PRIVATE}\"]}}")] {
            let error = VapidKeys::parse(text).unwrap_err();
            assert_eq!(error, InvalidKeys::Json);
            assert!(!format!("{error:?} {error}").contains(PRIVATE));
        }
        assert_eq!(format!("{:?}", keys()), "VapidKeys(…)");
    }
}
