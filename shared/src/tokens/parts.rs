//! A token taken apart: what its header says, what it claims, and who has signed it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Map, Value};

/// A JSON Web Token in the compact form (RFC 7515 section 3.1), of which nothing is believed yet.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) algorithm: Algorithm,
    /// The id of the key that signed it, if the header names one.
    pub(super) kid: Option<String>,
    /// Header and claims, as they were signed.
    signed: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// Says why it could be nobody's, whatever the keys.
    pub(super) fn of(token: &'a str) -> Result<Self, String> {
        let no_token = || "it is no JSON Web Token, which has three parts with dots between".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(no_token)?;
        let (header, claims) =
            signed.split_once('.').filter(|(_, claims)| !claims.contains('.')).ok_or_else(no_token)?;
        let header = object(header).map_err(|reason| format!("its header {reason}"))?;
        // RFC 7515 section 4.1.11: a recipient that does not understand an extension named here refuses the token.
        if header.contains_key("crit") {
            return Err("its header's `crit` asks for extensions, and none is understood here".to_owned());
        }
        if BASE64_URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err("its signature is not base64url".to_owned());
        }
        Ok(Self { algorithm: algorithm(&header)?, kid: kid(&header)?, signed, claims, signature })
    }

    /// Whether this key, which has to be one for the token's algorithm, has signed it.
    pub(super) fn is_signed_by(&self, key: &DecodingKey) -> bool {
        // An error is about a key that fits no signature.
        crypto::verify(self.signature, self.signed.as_bytes(), key, self.algorithm).unwrap_or(false)
    }

    /// The claims.
    ///
    /// # Errors
    /// Says why it cannot be read.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, String> {
        object(self.claims).map_err(|reason| format!("its part with the claims {reason}"))
    }
}

fn object(part: &str) -> Result<Map<String, Value>, &'static str> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| "is not base64url")?;
    serde_json::from_slice(&json).map_err(|_| "is no JSON object")
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, String> {
    match header.get("alg").and_then(Value::as_str) {
        Some("HS256") => Ok(Algorithm::HS256),
        Some("RS256") => Ok(Algorithm::RS256),
        Some("ES256") => Ok(Algorithm::ES256),
        // RFC 9864 gives EdDSA with this curve, the only one here, a name of its own.
        Some("EdDSA" | "Ed25519") => Ok(Algorithm::EdDSA),
        Some(_) => Err("it is signed with an algorithm other than HS256, RS256, ES256 and EdDSA".to_owned()),
        None => Err("its header's `alg` has to name the algorithm that signed it".to_owned()),
    }
}

fn kid(header: &Map<String, Value>) -> Result<Option<String>, String> {
    match header.get("kid") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) => Ok(Some(id.clone())),
        Some(_) => Err("its header's `kid` has to be a text".to_owned()),
    }
}
