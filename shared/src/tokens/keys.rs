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
    pub(super) secrets: Vec<DecodingKey>,
    pub(super) public: Vec<PublicKey>,
}

impl Keys {
    pub(super) fn new(secrets: &[String], pem: Option<&str>, set: Option<JwkSet>) -> Result<Self, Error> {
        let secrets = secrets.iter().map(|secret| DecodingKey::from_secret(secret.as_bytes())).collect();
        let mut public: Vec<_> = pem.map(from_pem).transpose()?.into_iter().collect();
        public.extend(set.map(from_set).unwrap_or_default());
        Ok(Self { secrets, public })
    }
}

type ReadPem = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;

fn from_pem(pem: &str) -> Result<PublicKey, Error> {
    let kinds: [(Algorithm, ReadPem); 3] = [
        (Algorithm::RS256, DecodingKey::from_rsa_pem),
        (Algorithm::ES256, DecodingKey::from_ec_pem),
        (Algorithm::EdDSA, DecodingKey::from_ed_pem),
    ];
    kinds
        .into_iter()
        .find_map(|(algorithm, read)| Some(PublicKey { id: None, algorithm, key: read(pem.as_bytes()).ok()? }))
        .ok_or_else(|| Error::Failed {
            call: "read TOKEN_PUBLIC_KEY",
            cause: "it is no RSA, P-256 or Ed25519 public key in PEM".to_owned(),
        })
}

/// The keys of a set that are of use here; providers publish others beside them.
fn from_set(set: JwkSet) -> Vec<PublicKey> {
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
