//! One token against the keys that are known.

use domain::claims::{Claims, SUB, claim, time};
use domain::refusal::{Code, Refusal};
use domain::time::Millis;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::keys::TokenKeys;
use super::parts::Parts;
use crate::settings::TokenSettings;

/// By how many milliseconds issuers' clocks may be ahead of ours.
const LEEWAY: i64 = 10_000;

/// The verdict on a token.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is good.
    Is(Box<Claims>),
    /// It is not, whatever the keys.
    Refused(Refusal),
    /// No known key fits it; a newer one of this signer's might.
    UnknownKey(TokenSigner),
}

/// Who signs tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenSigner {
    /// A holder of the stack's secret.
    Secret,
    /// The identity provider.
    KeySet,
}

pub(super) fn verify(token: &str, keys: &TokenKeys, settings: &TokenSettings, now: Millis) -> Verdict {
    let parts = match Parts::of(token) {
        Ok(parts) => parts,
        Err(reason) => return refuse(&reason),
    };
    let (signer, is_signed) = match parts.algorithm {
        Algorithm::HS256 if !settings.accepts_secret => {
            return refuse("this stack takes no tokens signed HS256, only those of its identity provider");
        }
        Algorithm::HS256 => (TokenSigner::Secret, keys.secrets.iter().any(|key| parts.is_signed_by(&key.token))),
        _ => (TokenSigner::KeySet, keys.public_for(&parts).any(|key| parts.is_signed_by(key))),
    };
    if !is_signed {
        return Verdict::UnknownKey(signer);
    }
    read(&parts, signer, settings, now).unwrap_or_else(|reason| refuse(&reason))
}

/// The verdict on a token that one of the keys has signed.
fn read(parts: &Parts<'_>, signer: TokenSigner, settings: &TokenSettings, now: Millis) -> Result<Verdict, String> {
    let token = parts.claims()?;
    let user_claim = match signer {
        TokenSigner::Secret => SUB,
        TokenSigner::KeySet => &settings.user_claim,
    };
    let claims = Claims::read(&token, user_claim)?;
    if claims.check_alive(now).is_err() {
        return Ok(Verdict::Refused(Refusal::new(Code::ExpiredToken, "the token has expired; get a new one")));
    }
    check_lifetime(&claims, settings, now)?;
    check_has_begun(&token, now)?;
    if signer == TokenSigner::KeySet {
        check_issuer(&token, settings)?;
        check_audience(&token, settings)?;
    }
    Ok(Verdict::Is(Box::new(claims)))
}

/// A token that lasts for long opens doors for long to who has stolen it. Where the operator sets a bound, it counts from now on.
fn check_lifetime(claims: &Claims, settings: &TokenSettings, now: Millis) -> Result<(), String> {
    match settings.longest {
        Some(longest) if claims.exp > now.plus(LEEWAY).seconds() + longest => Err(format!(
            "its `exp` is more than {longest} seconds from now, the longest that this stack takes; get one that ends sooner"
        )),
        _ => Ok(()),
    }
}

/// Issuers' clocks are some seconds ahead of ours. That a token has ended has no such leeway: its holder reads from `exp` when to
/// get the next.
fn check_has_begun(claims: &Map<String, Value>, now: Millis) -> Result<(), String> {
    match time(claims, "nbf")? {
        Some(begins) if begins * 1000.0 > (now.0 + LEEWAY) as f64 => Err("its `nbf` has not come yet".to_owned()),
        _ => Ok(()),
    }
}

/// A provider may sign tokens for many applications with one key: where an issuer is configured, the token has to be its.
fn check_issuer(claims: &Map<String, Value>, settings: &TokenSettings) -> Result<(), String> {
    let Some(issuer) = &settings.issuer else { return Ok(()) };
    let is = claim(claims, "iss").ok_or("its claim `iss` is missing")?;
    if is == issuer { Ok(()) } else { Err("its `iss` is not the one that is configured".to_owned()) }
}

/// The same for the audience, of which a token may have several.
fn check_audience(claims: &Map<String, Value>, settings: &TokenSettings) -> Result<(), String> {
    let Some(audience) = &settings.audience else { return Ok(()) };
    let is = claim(claims, "aud").ok_or("its claim `aud` is missing")?;
    let fits = is == audience || is.as_array().is_some_and(|several| several.iter().any(|one| one == audience));
    if fits { Ok(()) } else { Err("its `aud` is not the one that is configured".to_owned()) }
}

fn refuse(reason: &str) -> Verdict {
    Verdict::Refused(Refusal::new(Code::InvalidToken, format!("the token is refused: {reason}")))
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
    use jsonwebtoken::{EncodingKey, crypto};
    use serde_json::json;

    use super::*;
    use crate::aws::secret::Version;

    /// Half a second into it, so that fractions tell.
    const NOW: Millis = Millis(1_795_976_831_500);

    fn settings() -> TokenSettings {
        TokenSettings {
            secret: String::new(),
            public_key: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            user_claim: "email".to_owned(),
            accepts_secret: true,
            longest: None,
            names_callers: false,
        }
    }

    /// A secret of that name, as long as it has to be.
    fn secret(name: &str) -> String {
        format!("{name:.<32}")
    }

    fn keys(secrets: &[&str]) -> TokenKeys {
        let version = |name: &&str| Version { stage: "AWSCURRENT", value: secret(name) };
        let secrets: Vec<_> = secrets.iter().map(version).collect();
        TokenKeys { secrets: super::super::keys::from_versions(&secrets), pem: None, set: Vec::new() }
    }

    fn part(value: &Value) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
    }

    fn signed(header: &Value, claims: &Value, name: &str) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(secret(name).as_bytes());
        let signature = crypto::sign(signed.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{signed}.{signature}")
    }

    fn token(secret: &str, claims: &Value) -> String {
        signed(&json!({"alg": "HS256", "typ": "JWT"}), claims, secret)
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = json!({"sub": "alice", "exp": 1_795_976_900, "aud": "someone", "other": 1});
        claims[name] = value;
        claims
    }

    fn good() -> Value {
        with("iat", json!(1_795_976_900.25))
    }

    fn judged(token: &str) -> Verdict {
        verify(token, &keys(&["s"]), &settings(), NOW)
    }

    fn refusal(token: &str) -> Refusal {
        match judged(token) {
            Verdict::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_current_and_the_previous_secret_fit_and_no_other() {
        let keys = keys(&["new", "old"]);
        for secret in ["new", "old"] {
            assert!(matches!(verify(&token(secret, &good()), &keys, &settings(), NOW), Verdict::Is(_)), "{secret}");
        }
        assert_eq!(verify(&token("older", &good()), &keys, &settings(), NOW), Verdict::UnknownKey(TokenSigner::Secret));
    }

    #[test]
    fn a_token_has_to_end_and_is_over_in_the_second_of_its_end() {
        for exp in [json!(1_795_976_831), json!(1_795_976_831.9), json!(1_795_976_830), json!(0), json!(-1)] {
            assert_eq!(refusal(&token("s", &with("exp", exp.clone()))).code, Code::ExpiredToken, "{exp}");
        }
        for exp in [json!(1_795_976_832), json!(1.795_976_832e9), json!(u64::MAX)] {
            assert!(matches!(judged(&token("s", &with("exp", exp.clone()))), Verdict::Is(_)), "{exp}");
        }
        let endless = refusal(&token("s", &json!({"sub": "alice"})));
        assert_eq!(
            (endless.code, endless.detail.as_str()),
            (Code::InvalidToken, "the token is refused: its claim `exp` is missing")
        );
    }

    #[test]
    fn a_token_may_end_no_later_than_the_operator_says() {
        let settings = TokenSettings { longest: Some(60), ..settings() };
        let judged = |exp: i64| verify(&token("s", &with("exp", json!(exp))), &keys(&["s"]), &settings, NOW);
        // Ten seconds more, by which its issuer's clock may be ahead.
        assert!(matches!(judged(1_795_976_901), Verdict::Is(_)));
        for exp in [1_795_976_902, 253_402_300_799, i64::MAX] {
            let Verdict::Refused(refusal) = judged(exp) else { panic!("{exp}") };
            assert_eq!(refusal.code, Code::InvalidToken);
            assert!(refusal.detail.contains("its `exp` is more than 60 seconds from now"), "{}", refusal.detail);
        }
    }

    #[test]
    fn where_secrets_do_not_count_a_token_of_theirs_is_refused_before_any_key_is_asked_for() {
        let settings = TokenSettings { accepts_secret: false, ..settings() };
        for name in ["s", "another"] {
            let Verdict::Refused(refusal) = verify(&token(name, &good()), &keys(&["s"]), &settings, NOW) else {
                panic!()
            };
            assert!(refusal.detail.contains("takes no tokens signed HS256"), "{}", refusal.detail);
        }
    }

    #[test]
    fn a_token_may_begin_with_a_fraction_and_some_seconds_from_now() {
        for nbf in
            [json!(1_795_976_831), json!(1_795_976_831.4), json!(1_795_976_831.7), json!(1_795_976_841), json!(null)]
        {
            assert!(matches!(judged(&token("s", &with("nbf", nbf.clone()))), Verdict::Is(_)), "{nbf}");
        }
        for (nbf, wrong) in [
            (json!(1_795_976_842), "its `nbf` has not come yet"),
            (json!(1e300), "its `nbf` has not come yet"),
            (json!("now"), "its claim `nbf` has to be a number"),
        ] {
            let refused = refusal(&token("s", &with("nbf", nbf)));
            assert_eq!(refused.code, Code::InvalidToken);
            assert!(refused.detail.contains(wrong), "{}", refused.detail);
        }
    }

    #[test]
    fn a_token_that_nobody_signed_is_refused() {
        for alg in ["none", "None", "HS384", "hs256"] {
            let token = format!("{}.{}.", part(&json!({"alg": alg, "typ": "JWT"})), part(&good()));
            assert_eq!(refusal(&token).code, Code::InvalidToken, "{alg}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_header_is_said() {
        let with = |name: &str, value: Value| {
            let mut header = json!({"alg": "HS256"});
            header[name] = value;
            signed(&header, &good(), "s")
        };
        for (token, wrong) in [
            (with("crit", json!(["exp2"])), "`crit`"),
            (with("crit", json!([])), "`crit`"),
            (with("crit", json!(null)), "`crit`"),
            (with("kid", json!(1)), "`kid` has to be a text"),
            (with("alg", json!(null)), "`alg` has to name"),
            (with("alg", json!("HS512")), "other than HS256"),
            ("hello".to_owned(), "no JSON Web Token"),
            ("a.b.c.d.e".to_owned(), "no JSON Web Token"),
            ("a b.c.d".to_owned(), "its header is not base64url"),
            (format!("{}.e30.", part(&json!([1]))), "its header is no JSON object"),
            (format!("{}.e30.=", part(&json!({"alg": "HS256"}))), "its signature is not base64url"),
            (signed(&json!({"alg": "HS256"}), &json!("alice"), "s"), "its part with the claims is no JSON object"),
        ] {
            let refused = refusal(&token);
            assert_eq!(refused.code, Code::InvalidToken);
            assert!(refused.detail.contains(wrong), "{wrong}: {}", refused.detail);
        }
        for header in [json!({"alg": "HS256"}), json!({"alg": "HS256", "kid": null, "typ": 7, "x": {"y": 1}})] {
            assert!(matches!(judged(&signed(&header, &good(), "s")), Verdict::Is(_)), "{header}");
        }
    }

    #[test]
    fn who_signs_with_the_secret_names_the_user_by_sub() {
        let Verdict::Is(claims) = judged(&token("s", &with("email", json!("bob@example.org")))) else { panic!() };
        assert_eq!(claims.sub.as_str(), "alice");
    }
}
