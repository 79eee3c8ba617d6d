//! One token against the keys that are known.

use domain::claims::Claims;
use domain::refusal::{Code, Refusal};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

use super::keys::Keys;
use crate::settings::TokenSettings;

/// What is thought of a token.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is good.
    Is(Box<Claims>),
    /// It is not, whatever the keys.
    Refused(Refusal),
    /// No known key fits it; a newer one of this signer's might.
    UnknownKey(Signer),
}

/// Who signs tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    /// Whoever may read the stack's secret.
    Secret,
    /// The identity provider.
    KeySet,
}

pub(super) fn verify(token: &str, keys: &Keys, settings: &TokenSettings) -> Verdict {
    let Ok(header) = decode_header(token) else {
        return refuse("it is no JSON Web Token signed with HS256, RS256, ES256 or EdDSA");
    };
    match header.alg {
        Algorithm::HS256 => first_fit(token, keys.secrets.iter(), &validation(Algorithm::HS256), Signer::Secret),
        algorithm @ (Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) => {
            let fits = keys.pem.iter().chain(&keys.set).filter(|key| {
                key.algorithm == algorithm && (key.id.is_none() || header.kid.is_none() || key.id == header.kid)
            });
            first_fit(token, fits.map(|key| &key.key), &public_validation(algorithm, settings), Signer::KeySet)
        }
        _ => refuse("it is signed with an algorithm other than HS256, RS256, ES256 and EdDSA"),
    }
}

fn first_fit<'a>(
    token: &str,
    keys: impl Iterator<Item = &'a DecodingKey>,
    validation: &Validation,
    signer: Signer,
) -> Verdict {
    for key in keys {
        match decode::<Claims>(token, key, validation) {
            Ok(token) => return Verdict::Is(Box::new(token.claims)),
            Err(error) => match error.kind() {
                ErrorKind::InvalidSignature => {}
                ErrorKind::ExpiredSignature => {
                    return Verdict::Refused(Refusal::new(Code::ExpiredToken, "the token has expired; get a new one"));
                }
                kind => return refuse(&reason(kind)),
            },
        }
    }
    Verdict::UnknownKey(signer)
}

fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Json(error) => format!("its claims are not valid: {error}"),
        ErrorKind::MissingRequiredClaim(claim) => format!("its claim `{claim}` is missing"),
        ErrorKind::ImmatureSignature => "its `nbf` has not come yet".to_owned(),
        ErrorKind::InvalidIssuer => "its `iss` is not the one that is configured".to_owned(),
        ErrorKind::InvalidAudience => "its `aud` is not the one that is configured".to_owned(),
        _ => "it is not well-formed".to_owned(),
    }
}

fn refuse(reason: &str) -> Verdict {
    Verdict::Refused(Refusal::new(Code::InvalidToken, format!("the token is refused: {reason}")))
}

/// `exp` is required and counts to the second: whoever holds a token learns from it when to get the next.
fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.leeway = 0;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation
}

/// A provider may sign tokens for many applications with one key: where an issuer or an audience is configured, the
/// token has to carry it.
fn public_validation(algorithm: Algorithm, settings: &TokenSettings) -> Validation {
    let mut validation = validation(algorithm);
    let mut required = vec!["exp"];
    if let Some(issuer) = &settings.issuer {
        validation.set_issuer(&[issuer]);
        required.push("iss");
    }
    if let Some(audience) = &settings.audience {
        validation.validate_aud = true;
        validation.set_audience(&[audience]);
        required.push("aud");
    }
    validation.set_required_spec_claims(&required);
    validation
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn settings() -> TokenSettings {
        TokenSettings { secret: String::new(), public_key: None, jwks_url: None, issuer: None, audience: None }
    }

    fn keys(secrets: &[&str]) -> Keys {
        let secrets: Vec<_> = secrets.iter().map(ToString::to_string).collect();
        Keys { secrets: super::super::keys::from_versions(&secrets), pem: None, set: Vec::new() }
    }

    fn token(secret: &str, claims: &Value) -> String {
        encode(&Header::default(), claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn good() -> Value {
        json!({"sub": "alice", "exp": get_current_timestamp() + 60, "aud": "someone", "other": 1})
    }

    fn code(token: &str, keys: &Keys) -> Code {
        match verify(token, keys, &settings()) {
            Verdict::Refused(refusal) => refusal.code,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_current_and_the_previous_secret_fit_and_no_other() {
        let keys = keys(&["new", "old"]);
        for secret in ["new", "old"] {
            assert!(matches!(verify(&token(secret, &good()), &keys, &settings()), Verdict::Is(_)), "{secret}");
        }
        assert_eq!(verify(&token("older", &good()), &keys, &settings()), Verdict::UnknownKey(Signer::Secret));
    }

    #[test]
    fn a_token_has_to_end_and_not_to_have_ended() {
        let keys = keys(&["s"]);
        let ended = json!({"sub": "alice", "exp": get_current_timestamp() - 1});
        assert_eq!(code(&token("s", &ended), &keys), Code::ExpiredToken);
        assert_eq!(code(&token("s", &json!({"sub": "alice"})), &keys), Code::InvalidToken);
    }

    #[test]
    fn a_token_that_nobody_signed_is_refused() {
        use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
        let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        for alg in ["none", "None", "HS384"] {
            let token = format!("{}.{}.", part(json!({"alg": alg, "typ": "JWT"})), part(good()));
            assert_eq!(code(&token, &keys(&["s"])), Code::InvalidToken, "{alg}");
        }
        assert_eq!(code("not a token", &keys(&["s"])), Code::InvalidToken);
    }

    #[test]
    fn a_sub_that_no_channel_could_be_named_after_is_named() {
        let claims = json!({"sub": "a b", "exp": get_current_timestamp() + 60});
        let Verdict::Refused(refusal) = verify(&token("s", &claims), &keys(&["s"]), &settings()) else { panic!() };
        assert!(refusal.detail.contains("a user's name"), "{}", refusal.detail);
    }
}
