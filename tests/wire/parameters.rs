//! No stack is deployed with a parameter's forbidden value.

mod values;

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::{Stack, binaries, environment, home, root};

/// The error with which a stack refuses to start with this parameter.
async fn refusal(parameter: &str) -> String {
    let folder = tokio::task::spawn_blocking(binaries).await.unwrap();
    let output = Command::new(folder.join("tidings-local"))
        .args(["--json", "--no-build", "--http-port", "0", "--websocket-port", "0", "--aws-port", "0", "--parameter"])
        .arg(parameter)
        .current_dir(root())
        .env("HOME", home())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    // One that starts does not end.
    let output = timeout(Duration::from_secs(60), output).await.expect("it starts").unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn what_is_no_public_key_is_refused_before_anything_starts() {
    let pem = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    let p256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEV0jGGrRUtJbxmLFaUSnFp6jJSqCKXiNxkGCwegaNV+T++q0YpV9dxxvRUf0jwuY0nKBrKejPRV48BXi1degtw==";
    let p384 = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAExbjRQDb22jQzuHw8rfjkU9/g/wE0hLreMrnFlfLkVmCbsr/EjygOUTkoNNEaeP0zuxnaHYa7dGImJMClJ9oolLwMtBe2tIf0euJzzJqq2zm0dv7IrnfTifJ/w/AeJiA0";
    for bad in [
        // What a shell leaves of a key without quotes.
        "-----BEGIN".to_owned(),
        p256.to_owned(),
        pem("PUBLIC KEY", ""),
        pem("PUBLIC KEY", &p256[..60]),
        pem("PUBLIC KEY", p384),
        pem("PUBLIC KEY", "no key"),
        pem("PRIVATE KEY", p256),
        pem("EC PUBLIC KEY", p256),
        pem("RSA PUBLIC KEY", p256),
        pem("PUBLIC KEY", p256).replace("END PUBLIC", "END RSA PUBLIC"),
        pem("PUBLIC KEY", p256).replace("-----END PUBLIC KEY-----", ""),
        pem("PUBLIC KEY", p256).replace('\n', "/n"),
        format!("\"{}\"", pem("PUBLIC KEY", p256)),
        "https://idp.example.com/keys".to_owned(),
    ] {
        let said = refusal(&format!("TokenPublicKey={bad}")).await;
        assert!(said.contains("TokenPublicKey") && said.contains("from -----BEGIN to -----END"), "{bad:?}: {said}");
    }
}

#[tokio::test]
async fn a_key_set_is_behind_https_or_on_this_machine_and_nobody_is_named_before_its_host() {
    for bad in [
        "http://127.0.0.1:9@localhost:8080/keys.json",
        "http://127.0.0.1@localhost/keys.json",
        "http://127.0.0.1.example.com/keys.json",
        "http://127.0.0.1",
        "http://idp.example.com/keys.json",
        "https://user:password@idp.example.com/keys.json",
        "https://idp.example.com\\@other.example.com/",
        "https:///keys.json",
        "ftp://idp.example.com/keys.json",
    ] {
        let said = refusal(&format!("TokenJwksUrl={bad}")).await;
        assert!(said.contains("TokenJwksUrl") && said.contains("an https address"), "{bad}: {said}");
    }
}

#[tokio::test]
async fn a_stack_has_somebody_whose_tokens_count() {
    let said = refusal("AcceptSecretTokens=false").await;
    assert!(said.contains("AcceptSecretTokens may be false only with TokenPublicKey or TokenJwksUrl"), "{said}");
    let said = refusal("AcceptSecretTokens=no").await;
    assert!(said.contains("AcceptSecretTokens"), "{said}");
    let said = refusal("LocalTokenSecret=thirty-one characters, or bytes").await;
    assert!(said.contains("LocalTokenSecret") && said.contains("at least 32 characters"), "{said}");
    let said = refusal("LongestTokenSeconds=-1").await;
    assert!(said.contains("LongestTokenSeconds"), "{said}");
}

#[tokio::test]
async fn a_claim_without_a_name_names_no_user() {
    for bad in ["", " ", "my claim"] {
        let said = refusal(&format!("TokenUserClaim={bad}")).await;
        assert!(said.contains("TokenUserClaim") && said.contains("the name of a claim"), "{said}");
    }
}

/// The error with which a function refuses to start, with its environment in a local stack but for where AWS's services
/// are, and one variable.
async fn refusal_elsewhere(stack: &Stack, function: &str, name: &str, value: &str) -> String {
    let output = Command::new(binaries().join(function.to_lowercase()))
        .env_clear()
        .envs(environment(stack, function).await)
        .env("AWS_ENDPOINT_URL", "https://services.invalid")
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
        .env(name, value)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(Duration::from_secs(60), output).await.expect("it starts").unwrap();
    assert!(!output.status.success());
    [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat()
}

#[tokio::test]
async fn what_is_for_one_machine_only_keeps_a_function_from_starting_anywhere_else() {
    let stack = Stack::start().await;
    for (function, name, value) in [
        ("Page", "LOCAL_TOKEN_SECRET", "a secret of at least thirty-two bytes"),
        ("Send", "ALLOW_LOOPBACK_WEBHOOKS", "9001"),
        ("Attempt", "ALLOW_LOOPBACK_WEBHOOKS", "9001"),
        ("Send", "NAME_SERVER", "127.0.0.1:53"),
        ("Attempt", "NAME_SERVER", "127.0.0.1:53"),
    ] {
        let said = refusal_elsewhere(&stack, function, name, value).await;
        assert!(said.contains(name) && said.contains("for a stack on one machine"), "{function} {name}: {said}");
        assert!(!said.contains("thirty-two"), "{said}");
    }
}

#[tokio::test]
async fn warm_throughput_is_at_least_what_a_new_table_has() {
    for bad in ["", "0", "3999", "many", "1000001"] {
        let said = refusal(&format!("WarmWriteUnits={bad}")).await;
        assert!(said.contains("WarmWriteUnits"), "{bad}: {said}");
    }
    let stack = Stack::start_with(&["--parameter", "WarmWriteUnits=40000"]).await;
    stack.send("topic:a", "x").await;
}

#[tokio::test]
async fn a_day_that_never_was_is_no_time_of_a_restoration() {
    for bad in ["2026-02-29", "2025-04-31", "2024-02-30", "2026-13-01", "2026-00-10"] {
        let said = refusal(&format!("RestoredAt={bad}T10:00:00Z")).await;
        assert!(said.contains("RestoredAt") && said.contains("a moment such as"), "{said}");
    }
    for good in ["2024-02-29", "2025-12-31", "2026-02-28"] {
        let stack = Stack::start_with(&["--parameter", &format!("RestoredAt={good}T23:59:59Z")]).await;
        assert!(stack.send("topic:a", "x").await > 1, "the log begins anew: {good}");
    }
}
