//! Whose tokens are believed: the stack's secret, a public key, a key set; and what changes without a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::harness::{LOCAL_SECRET, Stack, environment, in_an_hour, sign};

/// A pair of keys, the public one in PEM and as the fields of a JSON Web Key.
struct Pair {
    algorithm: Algorithm,
    private: EncodingKey,
    pem: String,
    jwk: Value,
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

fn rsa() -> Pair {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // The `jsonwebtoken` crate takes PKCS#8 in PEM only.
    let private = BASE64_STANDARD.encode(pkcs8.as_ref());
    let private = format!("-----BEGIN PRIVATE KEY-----\n{private}\n-----END PRIVATE KEY-----\n");
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let number = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
    let jwk = json!({
        "kty": "RSA", "n": number(n.big_endian_without_leading_zero()), "e": number(e.big_endian_without_leading_zero()),
    });
    Pair {
        algorithm: Algorithm::RS256,
        private: EncodingKey::from_rsa_pem(private.as_bytes()).unwrap(),
        pem: pem(public.as_ref()),
        jwk,
    }
}

fn p256() -> Pair {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref().to_vec();
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair {
        algorithm: Algorithm::ES256,
        private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
        pem: pem(public.as_ref()),
        jwk: json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])}),
    }
}

fn ed25519() -> Pair {
    let pair = Ed25519KeyPair::generate().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Pair {
        algorithm: Algorithm::EdDSA,
        private: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
        pem: pem(public.as_ref()),
        jwk: json!({
            "kty": "OKP", "crv": "Ed25519", "x": BASE64_URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
        }),
    }
}

fn signed_by(pair: &Pair, kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(pair.algorithm);
    header.kid = kid.map(ToOwned::to_owned);
    let mut claims = claims.clone();
    claims["exp"] = json!(in_an_hour());
    encode(&header, &claims, &pair.private).unwrap()
}

async fn opens(stack: &Stack, token: &str) -> bool {
    stack.try_connect(token).await.is_ok()
}

#[tokio::test]
async fn a_public_key_of_each_kind_is_believed_beside_the_secret() {
    for pair in [rsa(), p256(), ed25519()] {
        let stack = Stack::start_with(&["--parameter", &format!("TokenPublicKey={}", pair.pem)]).await;
        let claims = json!({"sub": "alice"});
        assert!(opens(&stack, &signed_by(&pair, None, &claims)).await, "{:?}", pair.algorithm);
        assert!(opens(&stack, &sign(&claims, LOCAL_SECRET)).await);
        let stranger = match pair.algorithm {
            Algorithm::RS256 => rsa(),
            Algorithm::ES256 => p256(),
            _ => ed25519(),
        };
        assert!(!opens(&stack, &signed_by(&stranger, None, &claims)).await, "another's {:?}", pair.algorithm);
        assert!(!opens(&stack, &sign(&claims, &pair.pem)).await, "the public key is no secret");
    }
}

/// An identity provider that publishes its keys on loopback.
struct Provider {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(Vec::new()));
        let served = keys.clone();
        let serve = move || async move { json!({ "keys": *served.lock().unwrap() }).to_string() };
        let routes = axum::Router::new().route("/keys.json", axum::routing::get(serve));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, keys }
    }

    fn publish(&self, pair: &Pair, kid: &str) {
        let mut jwk = pair.jwk.clone();
        jwk["kid"] = json!(kid);
        self.keys.lock().unwrap().push(jwk);
    }
}

#[tokio::test]
async fn a_key_set_is_believed_for_its_issuer_and_audience_and_a_new_key_counts_at_once() {
    let provider = Provider::start().await;
    let (old, new) = (rsa(), p256());
    provider.publish(&old, "old");
    let url = format!("TokenJwksUrl={}", provider.url);
    let parameters =
        ["--parameter", &url, "--parameter", "TokenIssuer=https://idp.test", "--parameter", "TokenAudience=us"];
    let stack = Stack::start_with(&parameters).await;
    let ours = json!({"sub": "alice", "iss": "https://idp.test", "aud": "us"});
    assert!(opens(&stack, &signed_by(&old, Some("old"), &ours)).await);
    for other in [
        json!({"sub": "alice", "iss": "https://other.test", "aud": "us"}),
        json!({"sub": "alice", "iss": "https://idp.test", "aud": "them"}),
        json!({"sub": "alice", "aud": "us"}),
        json!({"sub": "alice", "iss": "https://idp.test"}),
    ] {
        assert!(!opens(&stack, &signed_by(&old, Some("old"), &other)).await, "{other}");
    }
    assert!(opens(&stack, &sign(&json!({"sub": "alice"}), LOCAL_SECRET)).await, "the secret's tokens need neither");

    provider.publish(&new, "new");
    assert!(opens(&stack, &signed_by(&new, Some("new"), &ours)).await, "no restart");
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_out_only_its_own_tokens() {
    // Nobody listens there.
    let url = "TokenJwksUrl=http://127.0.0.1:9/keys.json";
    let parameters = ["--parameter", url, "--parameter", "TokenIssuer=i", "--parameter", "TokenAudience=a"];
    let stack = Stack::start_with(&parameters).await;
    assert!(opens(&stack, &sign(&json!({"sub": "alice"}), LOCAL_SECRET)).await);
    assert!(!opens(&stack, &sign(&json!({"sub": "alice"}), "wrong")).await);
    let theirs = signed_by(&p256(), Some("k"), &json!({"sub": "alice", "iss": "i", "aud": "a", "publish": ["*"]}));
    let body = || Some(json!({"to": "user:alice", "body": "x"}).to_string());
    let first = stack.call(reqwest::Method::POST, "/v1/notifications", Some(&theirs), &[], body()).await;
    assert_eq!((first.status, first.code()), (503, "unavailable"), "nobody can tell yet");
    let then = stack.call(reqwest::Method::POST, "/v1/notifications", Some(&theirs), &[], body()).await;
    assert_eq!((then.status, then.code()), (503, "unavailable"), "and whoever is not known is not called a stranger");
    assert_eq!(stack.try_connect(&theirs).await.err().map(|refused| refused.status), Some(500), "nor at the handshake");
}

/// Puts another secret in the place of the current one, as an operator does.
async fn rotate(stack: &Stack, secret: &str) {
    stack.said.text(secret);
    let id = environment(stack, "Authorizer").await["TOKEN_SECRET"].clone();
    let body = json!({"SecretId": id, "SecretString": secret, "ClientRequestToken": format!("{secret:0>32}")});
    let (status, answer) = stack.aws_call("secretsmanager.PutSecretValue", &body).await;
    assert_eq!(status, 200, "{answer}");
}

/// Whether a secret's tokens are believed, by both functions that look at tokens.
async fn is_believed(stack: &Stack, secret: &str) -> bool {
    let token = sign(&json!({"sub": "alice", "publish": ["*"]}), secret);
    let body = Some(json!({"to": "user:alice", "body": "x"}).to_string());
    let sent = stack.call(reqwest::Method::POST, "/v1/notifications", Some(&token), &[], body).await;
    assert!([202, 401].contains(&sent.status), "{sent:?}");
    assert_eq!(opens(stack, &token).await, sent.status == 202, "both agree");
    sent.status == 202
}

#[tokio::test]
async fn a_rotated_secret_counts_at_once_and_the_old_one_until_it_is_dropped() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    assert!(is_believed(&stack, LOCAL_SECRET).await);
    rotate(&stack, "the second secret").await;
    assert!(is_believed(&stack, "the second secret").await, "at once");
    assert!(is_believed(&stack, LOCAL_SECRET).await, "beside it");

    // The next rotation drops the first secret. Keys are read again at most once a minute.
    rotate(&stack, "the third secret").await;
    assert!(!is_believed(&stack, "the third secret").await, "not yet");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(is_believed(&stack, "the third secret").await);
    assert!(is_believed(&stack, "the second secret").await, "beside it");
    assert!(!is_believed(&stack, LOCAL_SECRET).await, "it is dropped");

    let processes = stack.control(reqwest::Method::GET, "processes", None).await;
    for function in ["Authorizer", "Send"] {
        let of = |process: &&Value| process["function"] == function;
        assert_eq!(processes.as_array().unwrap().iter().filter(of).count(), 1, "{function} was not started again");
    }
}

#[tokio::test]
async fn a_secret_that_is_not_known_is_asked_for_once_a_minute() {
    let stack = Stack::start().await;
    assert!(!is_believed(&stack, "another secret").await);
    stack.forget_calls().await;
    assert!(!is_believed(&stack, "another secret").await);
    let asked = stack.calls().await.iter().filter(|call| call["service"] == "secretsmanager").count();
    assert_eq!(asked, 0, "whoever tries tokens costs nothing");
}
