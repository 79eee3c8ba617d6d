//! The keys that may have signed a token.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::caller::CallerKey;
use super::parts::Parts;
use super::ticket::TicketKey;
use crate::aws::secret::Version;
use crate::error::Error;

/// The fewest bytes of a secret: as many as the hash has (RFC 7518 section 3.2). A shorter one can be found from a token by
/// trial.
const LEAST_SECRET: usize = 32;

/// A public key and the only algorithm that it is used with.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// A version of the stack's own secret.
#[derive(Clone, Debug)]
pub(super) struct SecretKey {
    /// The key that has signed tokens.
    pub(super) token: DecodingKey,
    /// The key that makes tickets.
    pub(super) ticket: TicketKey,
    /// The key for users' codes in logs.
    pub(super) caller: CallerKey,
}

/// All keys.
#[derive(Clone, Debug)]
pub(super) struct TokenKeys {
    /// The stack's own, current and previous, as far as they can be used.
    pub(super) secrets: Vec<SecretKey>,
    /// The one that is configured.
    pub(super) pem: Option<PublicKey>,
    /// The identity provider's.
    pub(super) set: Vec<PublicKey>,
}

impl TokenKeys {
    /// The public keys that may have signed a token: each is used with one algorithm only (RFC 8725 section 3.1).
    pub(super) fn public_for(&self, token: &Parts<'_>) -> impl Iterator<Item = &DecodingKey> {
        let fits = |key: &&PublicKey| {
            key.algorithm == token.algorithm && (key.id.is_none() || token.kid.is_none() || key.id == token.kid)
        };
        self.pem.iter().chain(&self.set).filter(fits).map(|key| &key.key)
    }
}

/// The stack's own keys, from the versions of its secret. One that is too short is left out, which the log says.
pub(super) fn from_versions(versions: &[Version]) -> Vec<SecretKey> {
    let is_long_enough = |version: &&Version| {
        let is = version.value.len() >= LEAST_SECRET;
        if !is {
            let stage = version.stage;
            tracing::error!(
                stage,
                "a version of TOKEN_SECRET has fewer than {LEAST_SECRET} bytes and is ignored; rotate it (docs/operations/upkeep.md)"
            );
        }
        is
    };
    let key = |version: &Version| SecretKey {
        token: DecodingKey::from_secret(version.value.as_bytes()),
        ticket: TicketKey::of(&version.value),
        caller: CallerKey::of(&version.value),
    };
    versions.iter().filter(is_long_enough).map(key).collect()
}

type ReadPem = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;

/// Reads a public key in PEM. Where a line cannot end, `\n` stands for its end.
pub(super) fn from_pem(pem: &str) -> Result<PublicKey, Error> {
    let pem = pem.replace("\\r", "").replace("\\n", "\n");
    let kinds: [(Algorithm, ReadPem); 3] = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem),
        (Algorithm::ES256, DecodingKey::from_ec_pem),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem),
    ];
    kinds
        .into_iter()
        .find_map(|(algorithm, read)| {
            let key = read(pem.as_bytes()).ok().filter(|key| algorithm != Algorithm::ES256 || is_p256(key))?;
            Some(PublicKey { id: None, algorithm, key })
        })
        .ok_or_else(|| Error::Failed {
            call: "read TOKEN_PUBLIC_KEY",
            cause: "it is no RSA, P-256 or Ed25519 public key in PEM".to_owned(),
        })
}

/// A point of P-256, uncompressed, has 65 bytes; other curves' keys are read from PEM just as well.
fn is_p256(key: &DecodingKey) -> bool {
    key.try_get_as_bytes().is_ok_and(|point| point.len() == 65)
}

/// A JSON Web Key Set (RFC 7517 section 5).
#[derive(Deserialize)]
pub(super) struct JwkSet {
    keys: Vec<Value>,
}

/// The keys of a set that are of use here; providers publish others beside them.
pub(super) fn from_set(set: JwkSet) -> Vec<PublicKey> {
    set.keys.into_iter().filter_map(from_jwk).collect()
}

fn from_jwk(mut jwk: Value) -> Option<PublicKey> {
    let named = jwk.as_object_mut()?.remove("alg").filter(|name| !name.is_null());
    let jwk: Jwk = serde_json::from_value(jwk).ok()?;
    let (algorithm, names) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, ["RS256"].as_slice()),
        AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, ["ES256"].as_slice())
        }
        AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => {
            (Algorithm::EdDSA, ["EdDSA", "Ed25519"].as_slice())
        }
        _ => return None,
    };
    let is_for_it = named.is_none_or(|name| names.iter().any(|other| name == *other));
    if !is_for_it || !verifies_signatures(&jwk) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(PublicKey { id: jwk.common.key_id, algorithm, key })
}

/// Whether a key is for signatures, as far as it says what it is for (RFC 7517 sections 4.2 and 4.3).
fn verifies_signatures(jwk: &Jwk) -> bool {
    let Jwk { common, .. } = jwk;
    common.public_key_use.as_ref().is_none_or(|other| *other == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEV0jGGrRUtJbxmLFaUSnFp6jJSqCKXiNxkGCwegaNV+T++q0YpV9dxxvRUf0jwuY0nKBrKejPRV48BXi1degtw==";

    fn pem(body: &str) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    #[test]
    fn a_public_key_is_one_of_the_three_kinds_or_refused() {
        let p384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAExbjRQDb22jQzuHw8rfjkU9/g/wE0hLreMrnFlfLkVmCbsr/EjygOUTkoNNEaeP0zuxnaHYa7dGImJMClJ9oolLwMtBe2tIf0euJzzJqq2zm0dv7IrnfTifJ/w/AeJiA0";
        assert!(from_pem(&pem(P256)).is_ok_and(|key| key.algorithm == Algorithm::ES256));
        assert!(from_pem(&pem(p384)).is_err());
        assert!(from_pem("no key").is_err());
    }

    #[test]
    fn a_secret_of_fewer_than_32_bytes_is_left_out() {
        let version = |stage, length| Version { stage, value: "é".repeat(length / 2) };
        let count = |lengths: [usize; 2]| {
            from_versions(&[version("AWSCURRENT", lengths[0]), version("AWSPREVIOUS", lengths[1])]).len()
        };
        assert_eq!([count([32, 64]), count([30, 32]), count([32, 0]), count([30, 30])], [2, 1, 1, 0]);
    }

    #[test]
    fn the_lines_of_a_public_key_may_end_in_any_way() {
        let (first, rest) = P256.split_at(64);
        let lines = pem(&format!("{first}\n{rest}"));
        for end in ["\n", "\r\n", "\\n", "\\r\\n", " "] {
            assert!(from_pem(&lines.replace('\n', end)).is_ok_and(|key| key.algorithm == Algorithm::ES256), "{end:?}");
        }
    }

    /// Whether a set's only key counts, with these fields besides its own.
    fn counts(fields: &Value) -> bool {
        let mut jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        jwk.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        from_set(JwkSet { keys: vec![json!("odd"), jwk] }).len() == 1
    }

    #[test]
    fn a_key_of_a_set_counts_for_what_it_says_it_is_for() {
        for good in [
            json!({}),
            json!({"kid": "k", "use": "sig", "alg": "EdDSA"}),
            json!({"alg": "Ed25519", "key_ops": ["verify"]}),
            json!({"use": null, "alg": null, "key_ops": null, "kid": null}),
        ] {
            assert!(counts(&good), "{good}");
        }
        for bad in [
            json!({"use": "enc"}),
            json!({"use": "enc", "alg": "EdDSA"}),
            json!({"use": "tls"}),
            json!({"alg": "ES256"}),
            json!({"alg": "ECDH-ES"}),
            json!({"alg": 7}),
            json!({"key_ops": ["deriveKey"]}),
            json!({"crv": "X25519"}),
        ] {
            assert!(!counts(&bad), "{bad}");
        }
    }
}
