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

use crate::harness::{Stack, environment, in_an_hour, local_secret, sign};

/// A pair of keys, the public one in PEM and as the fields of a JSON Web Key.
pub(crate) struct Pair {
    algorithm: Algorithm,
    private: EncodingKey,
    pub(crate) pem: String,
    jwk: Value,
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", BASE64_STANDARD.encode(der))
}

pub(crate) fn rsa() -> Pair {
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

pub(crate) fn p256() -> Pair {
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

pub(crate) fn signed_by(pair: &Pair, kid: Option<&str>, claims: &Value) -> String {
    let mut header = Header::new(pair.algorithm);
    header.kid = kid.map(ToOwned::to_owned);
    let mut claims = claims.clone();
    claims["exp"] = json!(in_an_hour());
    encode(&header, &claims, &pair.private).unwrap()
}

/// A header of its own, signed RS256, ES256 or EdDSA.
fn signed_under(header: &Value, claims: &Value, pair: &Pair) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = claims.clone();
    claims["exp"] = json!(in_an_hour());
    let signed = format!("{}.{}", part(header), part(&claims));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &pair.private, pair.algorithm).unwrap();
    format!("{signed}.{signature}")
}

pub(crate) async fn opens(stack: &Stack, token: &str) -> bool {
    stack.try_connect(token).await.is_ok()
}

#[tokio::test]
async fn a_public_key_of_each_kind_is_believed_beside_the_secret() {
    for pair in [rsa(), p256(), ed25519()] {
        let stack = Stack::start_with(&["--parameter", &format!("TokenPublicKey={}", pair.pem)]).await;
        let claims = json!({"sub": "alice"});
        assert!(opens(&stack, &signed_by(&pair, None, &claims)).await, "{:?}", pair.algorithm);
        assert!(opens(&stack, &sign(&claims, local_secret())).await);
        let stranger = match pair.algorithm {
            Algorithm::RS256 => rsa(),
            Algorithm::ES256 => p256(),
            _ => ed25519(),
        };
        assert!(!opens(&stack, &signed_by(&stranger, None, &claims)).await, "another's {:?}", pair.algorithm);
        assert!(!opens(&stack, &sign(&claims, &pair.pem)).await, "the public key is no secret");
    }
}

/// The status of a call with a token, its code, and its detail.
pub(crate) async fn called(stack: &Stack, token: &str) -> (u16, String, String) {
    let answer = stack.call(reqwest::Method::GET, "/v1/channels/user:alice", Some(token), &[], None).await;
    (answer.status, answer.code().to_owned(), answer.body["detail"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_token_may_begin_in_some_seconds_and_is_over_in_the_second_of_its_end() {
    let stack = Stack::start().await;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    for ahead in [-0.5, 0.0, 0.9, 1.0, 2.0, 5.0] {
        let token = stack.token(&json!({"sub": "alice", "nbf": now() + ahead}));
        assert_eq!(called(&stack, &token).await.0, 200, "{ahead}");
        assert!(opens(&stack, &token).await, "{ahead}");
    }
    let later = stack.token(&json!({"sub": "alice", "nbf": now() + 60.0}));
    assert_eq!(called(&stack, &later).await.1, "invalid_token");
    assert!(!opens(&stack, &later).await);
    for exp in [json!(now().floor()), json!(now()), json!(-1)] {
        let over = stack.token(&json!({"sub": "alice", "exp": exp}));
        assert_eq!(called(&stack, &over).await.1, "expired_token", "{exp}");
        assert!(!opens(&stack, &over).await, "{exp}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said() {
    let stack = Stack::start().await;
    let secret = EncodingKey::from_secret(local_secret().as_bytes());
    let by_secret = |header: &Value, claims: &Value| {
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &secret, Algorithm::HS256).unwrap();
        format!("{signed}.{signature}")
    };
    let good = json!({"sub": "alice", "exp": in_an_hour()});
    let claiming = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        by_secret(&json!({"alg": "HS256"}), &claims)
    };
    for (token, said) in [
        (claiming("exp", json!(1e300)), "its claim `exp` is too large"),
        (claiming("exp", json!("soon")), "its claim `exp` has to be a number"),
        (claiming("exp", json!(null)), "its claim `exp` is missing"),
        (claiming("nbf", json!("now")), "its claim `nbf` has to be a number"),
        (claiming("sub", json!(42)), "its claim `sub` has to be a text"),
        (claiming("publish", json!("*")), "its claim `publish` has to be a list of texts"),
        (by_secret(&json!({"alg": "HS256", "kid": 1}), &good), "its header's `kid` has to be a text"),
        (by_secret(&json!({"alg": "HS256", "crit": ["exp2"], "exp2": 1}), &good), "its header's `crit`"),
        (by_secret(&json!({"alg": "HS256", "crit": ["b64"], "b64": true}), &good), "its header's `crit`"),
        (by_secret(&json!({"typ": "JWT"}), &good), "its header's `alg` has to name"),
    ] {
        let (status, code, detail) = called(&stack, &token).await;
        assert_eq!((status, code.as_str()), (401, "invalid_token"), "{said}: {detail}");
        assert!(detail.contains(said), "{detail}");
        assert!(!opens(&stack, &token).await, "{said}");
    }
}

#[tokio::test]
async fn a_claim_that_is_null_is_left_out() {
    let stack = Stack::start().await;
    let nothing =
        json!({"sub": "alice", "subscribe": null, "publish": null, "channels": null, "nbf": null, "aud": null});
    let token = stack.token(&nothing);
    assert_eq!(called(&stack, &token).await.0, 200);
    assert!(opens(&stack, &token).await);
}

#[tokio::test]
async fn a_public_key_may_have_its_lines_ends_spelled_out() {
    for pair in [rsa(), p256(), ed25519()] {
        for pem in [pair.pem.replace('\n', "\\n"), pair.pem.replace('\n', "\r\n"), format!("\n{}\n", pair.pem)] {
            let stack = Stack::start_with(&["--parameter", &format!("TokenPublicKey={pem}")]).await;
            let token = signed_by(&pair, None, &json!({"sub": "alice"}));
            assert_eq!(called(&stack, &token).await.0, 200, "{:?} {pem:?}", pair.algorithm);
            assert!(opens(&stack, &token).await);
        }
    }
}

#[tokio::test]
async fn a_public_key_that_cannot_be_read_keeps_out_only_its_own_tokens() {
    // It begins like one, and is shorter than it says.
    let body = format!("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A{}", "A".repeat(352));
    let pem = format!("TokenPublicKey=-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
    let stack = Stack::start_with(&["--parameter", &pem]).await;
    let alice = json!({"sub": "alice"});
    assert_eq!(called(&stack, &stack.token(&alice)).await.0, 200);
    assert!(opens(&stack, &stack.token(&alice)).await);
    let (status, code, _) = called(&stack, &signed_by(&p256(), None, &alice)).await;
    assert_eq!((status, code.as_str()), (503, "unavailable"));
    assert!(stack.has_logged(&["Send", "ERROR", "TOKEN_PUBLIC_KEY"]));
}

#[tokio::test]
async fn a_public_keys_extensions_are_refused_and_its_newer_name_is_known() {
    let pair = ed25519();
    let stack = Stack::start_with(&["--parameter", &format!("TokenPublicKey={}", pair.pem)]).await;
    let alice = json!({"sub": "alice"});
    assert_eq!(called(&stack, &signed_under(&json!({"alg": "EdDSA"}), &alice, &pair)).await.0, 200);
    // RFC 9864.
    let newer = signed_under(&json!({"alg": "Ed25519"}), &alice, &pair);
    assert_eq!(called(&stack, &newer).await.0, 200);
    assert!(opens(&stack, &newer).await);
    let extended = signed_under(&json!({"alg": "EdDSA", "crit": ["b64"], "b64": true}), &alice, &pair);
    assert_eq!(called(&stack, &extended).await.1, "invalid_token");
    assert!(!opens(&stack, &extended).await);
}

#[tokio::test]
async fn another_claim_may_name_the_user_where_a_public_key_signs() {
    let pair = p256();
    let key = format!("TokenPublicKey={}", pair.pem);
    let stack = Stack::start_with(&["--parameter", &key, "--parameter", "TokenUserClaim=cognito:username"]).await;
    let claims = json!({"sub": "9f3c", "cognito:username": "Alice Smith"});
    let token = signed_by(&pair, None, &claims);
    let mut alice = stack.try_connect(&token).await.unwrap();
    stack.send("user:Alice!20Smith", "hello").await;
    assert_eq!(alice.item().await["body"], "hello");
    let look = |name: &'static str, token: String| {
        let stack = &stack;
        async move {
            stack.call(reqwest::Method::GET, &format!("/v1/channels/user:{name}"), Some(&token), &[], None).await.status
        }
    };
    assert_eq!(look("Alice!20Smith", token.clone()).await, 200);
    assert_eq!(look("9f3c", token).await, 403);
    let nameless = signed_by(&pair, None, &json!({"sub": "Alice Smith"}));
    assert!(called(&stack, &nameless).await.2.contains("its claim `cognito:username` is missing"));
    let own = stack.token(&json!({"sub": "9f3c", "cognito:username": "Alice Smith"}));
    assert_eq!(look("9f3c", own).await, 200, "who has the stack's secret says `sub`");
}

/// An identity provider that publishes its keys on loopback.
pub(crate) struct Provider {
    pub(crate) url: String,
    keys: Arc<Mutex<Vec<Value>>>,
}

impl Provider {
    pub(crate) async fn start() -> Self {
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
        self.publish_with(pair, &json!({"kid": kid}));
    }

    /// Publishes a key with these members besides its own.
    pub(crate) fn publish_with(&self, pair: &Pair, members: &Value) {
        let mut jwk = pair.jwk.clone();
        jwk.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
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
    assert!(opens(&stack, &sign(&json!({"sub": "alice"}), local_secret())).await, "the secret's tokens need neither");

    provider.publish(&new, "new");
    assert!(opens(&stack, &signed_by(&new, Some("new"), &ours)).await, "no restart");
}

#[tokio::test]
async fn a_key_that_is_for_something_else_verifies_no_token() {
    let provider = Provider::start().await;
    let keys = [
        (json!({"kid": "0", "use": "sig", "alg": "RS256"}), rsa(), true),
        (json!({"kid": "1", "use": "enc", "alg": "RSA-OAEP"}), rsa(), false),
        (json!({"kid": "2", "use": "enc"}), p256(), false),
        (json!({"kid": "3", "alg": "PS256"}), rsa(), false),
        (json!({"kid": "4", "alg": "RS512"}), rsa(), false),
        (json!({"kid": "5", "alg": "ECDH-ES+A256KW"}), p256(), false),
        (json!({"kid": "6", "key_ops": ["encrypt", "wrapKey"]}), rsa(), false),
        (json!({"kid": "7", "alg": "Ed25519", "use": "sig"}), ed25519(), true),
        (json!({"kid": "8", "key_ops": ["verify"], "alg": null, "use": null}), ed25519(), true),
        (json!({"kid": "9"}), p256(), true),
    ];
    for (members, pair, _) in &keys {
        provider.publish_with(pair, members);
    }
    let url = format!("TokenJwksUrl={}", provider.url);
    let stack =
        Stack::start_with(&["--parameter", &url, "--parameter", "TokenIssuer=i", "--parameter", "TokenAudience=a"])
            .await;
    let claims = json!({"sub": "alice", "iss": "i", "aud": ["b", "a"]});
    for (members, pair, counts) in &keys {
        for kid in [members["kid"].as_str(), None] {
            let token = signed_by(pair, kid, &claims);
            assert_eq!(called(&stack, &token).await.0 == 200, *counts, "{members}");
            assert_eq!(opens(&stack, &token).await, *counts, "{members}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_down_keeps_out_only_its_own_tokens() {
    // Nobody listens there.
    let url = "TokenJwksUrl=http://127.0.0.1:9/keys.json";
    let parameters = ["--parameter", url, "--parameter", "TokenIssuer=i", "--parameter", "TokenAudience=a"];
    let stack = Stack::start_with(&parameters).await;
    assert!(opens(&stack, &sign(&json!({"sub": "alice"}), local_secret())).await);
    assert!(!opens(&stack, &sign(&json!({"sub": "alice"}), "wrong")).await);
    let theirs = signed_by(&p256(), Some("k"), &json!({"sub": "alice", "iss": "i", "aud": "a", "publish": ["*"]}));
    let body = || Some(json!({"to": "user:alice", "body": "x"}).to_string());
    let first = stack.call(reqwest::Method::POST, "/v1/notifications", Some(&theirs), &[], body()).await;
    assert_eq!((first.status, first.code()), (503, "unavailable"), "nobody can tell yet");
    let then = stack.call(reqwest::Method::POST, "/v1/notifications", Some(&theirs), &[], body()).await;
    assert_eq!((then.status, then.code()), (503, "unavailable"), "a caller who may be known is not called a stranger");
    assert_eq!(stack.try_connect(&theirs).await.err().map(|refused| refused.status), Some(500), "nor at the handshake");
}

/// Puts another secret in the place of the current one, as an operator does.
pub(crate) async fn rotate(stack: &Stack, secret: &str) {
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

const SECOND: &str = "the second secret, as long as it has to be";
const THIRD: &str = "the third secret, which is as long as that";

#[tokio::test]
async fn a_rotated_secret_counts_at_once_and_the_old_one_until_it_is_dropped() {
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    assert!(is_believed(&stack, local_secret()).await);
    rotate(&stack, SECOND).await;
    assert!(is_believed(&stack, SECOND).await, "at once");
    assert!(is_believed(&stack, local_secret()).await, "beside it");

    // The next rotation drops the first secret. Keys are read again at most once a minute.
    rotate(&stack, THIRD).await;
    assert!(!is_believed(&stack, THIRD).await, "not yet");
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert!(is_believed(&stack, THIRD).await);
    assert!(is_believed(&stack, SECOND).await, "beside it");
    assert!(!is_believed(&stack, local_secret()).await, "it is dropped");

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
    assert_eq!(asked, 0, "trying tokens costs nothing");
}
