//! A browser's push service gets what libraries by others can read, and only the browser.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::stack::LOOPBACK;
use crate::harness::{PATIENCE, Receiver, Reply, Stack, python, root};

/// The key that samconfig gives the local stack.
const PUBLIC: &str = "VapidPublicKey=";

fn vapid_public() -> String {
    let samconfig = std::fs::read_to_string(root().join("samconfig.toml")).unwrap();
    let (_, rest) = samconfig.split_once(PUBLIC).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// The verifier's reading of what was captured, or its reason why there is none.
async fn verify(captured: Value) -> Option<Result<Value, String>> {
    let running = tokio::task::spawn_blocking(move || {
        let python = python("web-push")?;
        let mut process = Command::new(python)
            .arg(root().join("tests/web-push/verify.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(captured.to_string().as_bytes()).unwrap();
        Some(process.wait_with_output().unwrap())
    });
    let output = running.await.unwrap()?;
    if output.status.success() {
        return Some(Ok(serde_json::from_slice(&output.stdout).unwrap()));
    }
    Some(Err(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// A token's claims with another end, as somebody would like it who has no key.
fn claims_an_hour_later(claims: &str) -> String {
    let mut claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 3_600);
    BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
}

#[tokio::test]
async fn a_push_is_for_the_browser_alone_and_one_that_has_left_is_removed() {
    let stack = Stack::start_with(&LOOPBACK).await;
    let service = Receiver::start().await;
    service.then([Reply::status(201), Reply::status(410)]);
    let private = PrivateKey::generate(&ECDH_P256).unwrap();
    let number: EcPrivateKeyBin<'_> = private.as_be_bytes().unwrap();
    let auth = BASE64_URL_SAFE_NO_PAD.encode([7; 16]);
    let p256dh = BASE64_URL_SAFE_NO_PAD.encode(private.compute_public_key().unwrap());
    let subscription =
        json!({"endpoint": service.url, "expirationTime": null, "keys": {"p256dh": p256dh, "auth": auth}});
    let added = stack.add_endpoint("user:alice", &json!({"kind": "web_push", "subscription": subscription})).await;
    assert_eq!(added["subscription"], json!({"endpoint": service.url}), "its keys are shown to nobody");
    let body = json!({"to": "user:alice", "title": "Hi", "body": "für dich", "priority": "high", "collapse_key": "k", "ttl": "1h"});
    stack.post(&body).await;
    let received = service.wait_for(1, PATIENCE).await.remove(0);
    let headers: serde_json::Map<_, _> =
        received.headers.iter().map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap()))).collect();
    assert_eq!((received.header("urgency"), received.header("ttl").len()), ("high", 4), "{headers:?}");
    let captured = |body: &[u8], headers: &serde_json::Map<String, Value>| {
        let request = json!({"url": service.url, "headers": headers, "body_base64": BASE64_STANDARD.encode(body)});
        let private = BASE64_URL_SAFE_NO_PAD.encode(number.as_ref());
        json!({"request": request, "subscription_private": private, "auth": auth, "vapid_public": vapid_public()})
    };
    let Some(read) = verify(captured(&received.body, &headers)).await else { return };
    let read = read.unwrap();
    assert_eq!(
        (&read["channel"], &read["seq"], &read["unread"]),
        (&json!("user:alice"), &json!(1), &json!(1)),
        "{read}"
    );
    assert_eq!((&read["title"], &read["body"]), (&json!("Hi"), &json!("für dich")));
    let mut changed = received.body.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert!(verify(captured(&changed, &headers)).await.unwrap().is_err(), "a changed byte");
    let header = headers["authorization"].as_str().unwrap();
    let (token, key) = header.strip_prefix("vapid t=").unwrap().split_once(',').unwrap();
    let [head, claims, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let other =
        |text: &str| if text.starts_with('A') { text.replacen('A', "B", 1) } else { format!("A{}", &text[1..]) };
    let later = claims_an_hour_later(claims);
    for (claims, signature) in [(claims, other(signature)), (&later, signature.to_owned())] {
        let mut changed = headers.clone();
        changed["authorization"] = json!(format!("vapid t={head}.{claims}.{signature},{key}"));
        let refused = verify(captured(&received.body, &changed)).await.unwrap().unwrap_err();
        assert!(refused.contains("not signed"), "{refused}");
    }

    stack.post(&json!({"to": "user:alice", "body": "again"})).await;
    let publisher = stack.publisher();
    let path = "/v1/channels/user:alice/endpoints";
    let is_gone = || async {
        let listed = stack.call(Method::GET, path, Some(&publisher), &[], None).await;
        listed.body["endpoints"].as_array().unwrap().is_empty()
    };
    stack.until("it is removed", is_gone).await;
}
