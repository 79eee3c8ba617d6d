//! The keys that may have signed a token.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::error::Error;

/// A public key and the only algorithm that it is used with.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    pub(super) id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

/// All keys.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    /// The stack's own, current and previous.
    pub(super) secrets: Vec<DecodingKey>,
    /// The one that is configured.
    pub(super) pem: Option<PublicKey>,
    /// The identity provider's.
    pub(super) set: Vec<PublicKey>,
}

/// The stack's own keys, from the versions of its secret.
pub(super) fn from_versions(versions: &[String]) -> Vec<DecodingKey> {
    versions.iter().map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect()
}

type ReadPem = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;

pub(super) fn from_pem(pem: &str) -> Result<PublicKey, Error> {
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

/// The keys of a set that are of use here; providers publish others beside them.
pub(super) fn from_set(set: JwkSet) -> Vec<PublicKey> {
    set.keys
        .into_iter()
        .filter_map(|jwk| {
            let algorithm = match &jwk.algorithm {
                AlgorithmParameters::RSA(_) => Algorithm::RS256,
                AlgorithmParameters::EllipticCurve(ec) if ec.curve == EllipticCurve::P256 => Algorithm::ES256,
                AlgorithmParameters::OctetKeyPair(okp) if okp.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
                _ => return None,
            };
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            Some(PublicKey { id: jwk.common.key_id, algorithm, key })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_is_one_of_the_three_kinds_or_refused() {
        let p256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEV0jGGrRUtJbxmLFaUSnFp6jJSqCKXiNxkGCwegaNV+T++q0YpV9dxxvRUf0jwuY0nKBrKejPRV48BXi1degtw==";
        let p384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAExbjRQDb22jQzuHw8rfjkU9/g/wE0hLreMrnFlfLkVmCbsr/EjygOUTkoNNEaeP0zuxnaHYa7dGImJMClJ9oolLwMtBe2tIf0euJzzJqq2zm0dv7IrnfTifJ/w/AeJiA0";
        let pem = |body: &str| format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        assert!(from_pem(&pem(p256)).is_ok_and(|key| key.algorithm == Algorithm::ES256));
        assert!(from_pem(&pem(p384)).is_err());
        assert!(from_pem("no key").is_err());
    }
}
