//! The bounds of tokens, keys and tickets: those that an operator can set, and those that protect a stack from
//! strangers.

use std::process::Stdio;

use axum::body::{Body, Bytes};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::anywhere::tickets::{ticket, with_ticket};
use crate::bodies::{assert_small, call, event, refused};
use crate::harness::{Function, Stack, binaries, environment, in_an_hour, local_secret, sign};
use crate::tokens::{Provider, called, opens, p256, rotate, rsa, signed_by};

/// The event of a look at one's own inbox, with this token.
fn look(stack: &Stack, token: &str) -> Value {
    stack.said.token(token);
    let mut event = call(stack, "GET /v1/channels/{channel}", String::new());
    event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    event["pathParameters"]["channel"] = json!("user:alice");
    event
}

#[tokio::test]
async fn a_secret_that_is_too_short_is_ignored_and_the_other_goes_on_counting() {
    let stack = Stack::start().await;
    let by = |secret: &str| sign(&json!({"sub": "alice"}), secret);
    rotate(&stack, "x").await;
    let mut send = Function::start(&stack, "Send").await;
    assert_eq!(refused(&mut send, &look(&stack, &by(local_secret()))).await.0, 200);
    assert_eq!(refused(&mut send, &look(&stack, &by("x"))).await, (401, "invalid_token".to_owned()));
    assert!(send.has_logged(&["ERROR", "AWSCURRENT", "TOKEN_SECRET has fewer than 32 bytes"]));
    assert!(!send.has_logged(&["AWSPREVIOUS"]));

    rotate(&stack, "y").await;
    let mut send = Function::start(&stack, "Send").await;
    for secret in [local_secret(), "x", "y", ""] {
        let answer = refused(&mut send, &look(&stack, &by(secret))).await;
        assert_eq!(answer, (503, "unavailable".to_owned()), "the operator's mistake is no fault of the token's");
    }
    assert!(send.has_logged(&["ERROR", "AWSPREVIOUS", "fewer than 32 bytes"]));
}

#[tokio::test]
async fn where_an_identity_provider_signs_all_tokens_the_secrets_do_not_count() {
    let pair = p256();
    let key = format!("TokenPublicKey={}", pair.pem);
    let stack = Stack::start_with(&["--parameter", &key, "--parameter", "AcceptSecretTokens=false"]).await;
    let alice = json!({"sub": "alice"});
    let own = stack.token(&alice);
    let (status, code, detail) = called(&stack, &own).await;
    assert_eq!((status, code.as_str()), (401, "invalid_token"));
    assert!(detail.contains("takes no tokens signed HS256"), "{detail}");
    assert!(!opens(&stack, &own).await);
    let polled = stack.call(Method::GET, "/v1/notifications?channel=user:alice", Some(&own), &[], None).await;
    assert_eq!(polled.status, 401);

    let theirs = signed_by(&pair, None, &alice);
    assert_eq!(called(&stack, &theirs).await.0, 200);
    assert!(opens(&stack, &theirs).await);
    let ticket = stack.call(Method::POST, "/v1/tickets", Some(&theirs), &[], None).await;
    assert!(with_ticket(&stack, ticket.body["ticket"].as_str().unwrap()).await.is_some(), "tickets go on");
}

#[tokio::test]
async fn a_token_that_lasts_longer_than_the_operator_says_is_refused_with_that_bound() {
    let stack = Stack::start_with(&["--parameter", "LongestTokenSeconds=7200"]).await;
    let ending = |exp: u64| stack.token(&json!({"sub": "alice", "exp": exp}));
    let good = ending(in_an_hour());
    assert_eq!(called(&stack, &good).await.0, 200);
    assert!(opens(&stack, &good).await);
    for exp in [in_an_hour() + 3700, 253_402_300_799] {
        let (status, code, detail) = called(&stack, &ending(exp)).await;
        assert_eq!((status, code.as_str()), (401, "invalid_token"), "{exp}");
        assert!(detail.contains("more than 7200 seconds from now"), "{detail}");
        let refused = stack.try_connect(&ending(exp)).await.err();
        assert_eq!(refused.map(|refused| refused.status), Some(401), "{exp}");
    }
}

/// A provider whose answer never ends.
async fn endless() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys.json", listener.local_addr().unwrap());
    let part = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 64 * 1024]));
    let answer = move || async move { Body::from_stream(futures_util::stream::repeat_with(part)) };
    let routes = axum::Router::new().route("/keys.json", axum::routing::get(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    url
}

async fn with_keys_at(url: &str) -> Stack {
    let url = format!("TokenJwksUrl={url}");
    Stack::start_with(&["--parameter", &url, "--parameter", "TokenIssuer=i", "--parameter", "TokenAudience=a"]).await
}

#[tokio::test]
async fn a_key_set_without_an_end_keeps_out_its_own_tokens_and_takes_no_memory() {
    let stack = with_keys_at(&endless().await).await;
    let mut send = Function::start_within(&stack, "Send", 512).await;
    assert_eq!(refused(&mut send, &look(&stack, &stack.token(&json!({"sub": "alice"})))).await.0, 200);
    let theirs = signed_by(&p256(), Some("k"), &json!({"sub": "alice", "iss": "i", "aud": "a"}));
    assert_eq!(refused(&mut send, &look(&stack, &theirs)).await, (503, "unavailable".to_owned()));
    assert!(send.has_logged(&["ERROR", "TOKEN_JWKS_URL", "larger than 262144 bytes"]));
    assert_small("send", &send);
}

#[tokio::test]
async fn a_large_key_set_is_believed() {
    let (provider, pair) = (Provider::start().await, rsa());
    provider.publish_with(&pair, &json!({"kid": "k", "x5c": ["x".repeat(250 * 1024)]}));
    let stack = with_keys_at(&provider.url).await;
    let token = signed_by(&pair, Some("k"), &json!({"sub": "alice", "iss": "i", "aud": "a"}));
    assert_eq!(called(&stack, &token).await.0, 200);
}

/// The error of a function that refuses to start with these variables besides its own; an empty one is left out.
async fn refusal_at_start(stack: &Stack, name: &str, variables: [(&str, &str); 2]) -> String {
    let mut environment = environment(stack, name).await;
    // Nobody listens there: one that starts does not go on either.
    environment.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), "127.0.0.1:9".to_owned());
    environment.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    environment.retain(|_, value| !value.is_empty());
    let output = Command::new(binaries().join(name.to_lowercase()))
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[tokio::test]
async fn no_function_starts_with_a_key_set_that_somebody_else_could_answer_for() {
    let stack = Stack::start().await;
    let local = stack.aws.clone();
    for name in ["Authorizer", "Send", "Poll"] {
        for (url, aws) in [
            ("http://127.0.0.1:9@localhost:8080/keys.json", local.as_str()),
            ("http://idp.example.com/keys.json", &local),
            ("https://user:password@idp.example.com/keys.json", &local),
            // In a deployed stack no plain http at all.
            ("http://127.0.0.1:8080/keys.json", ""),
            ("http://127.0.0.1:8080/keys.json", "http://127.0.0.1.example.com/"),
        ] {
            let said = refusal_at_start(&stack, name, [("TOKEN_JWKS_URL", url), ("AWS_ENDPOINT_URL", aws)]).await;
            assert!(said.contains("TOKEN_JWKS_URL") && !said.contains("password@"), "{name} {url}: {said}");
        }
    }
}

/// The number of writes that the authorizer has made for tickets.
async fn taken(stack: &Stack) -> usize {
    let is_one = |call: &&Value| call["function"] == "Authorizer" && call["operation"] == "DeleteItem";
    stack.calls().await.iter().filter(is_one).count()
}

#[tokio::test]
async fn a_ticket_that_somebody_made_up_costs_no_write() {
    let stack = Stack::start().await;
    let real = ticket(&stack, &json!({"sub": "alice"})).await;
    let changed = |at: usize| {
        let other = if real.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &real[..at], &real[at + 1..])
    };
    let made_up = [
        "x".to_owned(),
        "zoë".to_owned(),
        "A".repeat(43),
        "A".repeat(real.len()),
        real[1..].to_owned(),
        real[..real.len() - 1].to_owned(),
        format!("{real}A"),
        format!("{real}=="),
        changed(0),
        changed(real.len() / 2),
        changed(real.len() - 1),
        "é".repeat(real.len() / 2),
        "x".repeat(3000),
    ];
    for made_up in &made_up {
        assert!(with_ticket(&stack, made_up).await.is_none(), "{made_up}");
    }
    assert_eq!(taken(&stack).await, 0);
    assert!(with_ticket(&stack, &real).await.is_some());
    assert_eq!(taken(&stack).await, 1);
}

#[tokio::test]
async fn tickets_go_on_while_the_secret_is_rotated() {
    const SECOND: &str = "the second secret, as long as it has to be";
    let stack = Stack::start_with(&["--max-processes", "1"]).await;
    assert!(with_ticket(&stack, &ticket(&stack, &json!({"sub": "alice"})).await).await.is_some());
    let before = ticket(&stack, &json!({"sub": "alice"})).await;
    rotate(&stack, SECOND).await;
    // A process that starts now knows the first secret as the previous one.
    let mut authorizer = Function::start(&stack, "Authorizer").await;
    let mut handshake = event("authorizer");
    handshake["multiValueHeaders"] = json!({});
    handshake["headers"] = json!({});
    handshake["queryStringParameters"] = json!({"ticket": before});
    let answer = authorizer.invoke(&handshake).await;
    assert_eq!(answer["principalId"], "alice", "{answer}");

    // `send` reads the second secret for this token, and the authorizer, which knows the first only, for its ticket.
    let by_the_second = sign(&json!({"sub": "bob"}), SECOND);
    let issued = stack.call(Method::POST, "/v1/tickets", Some(&by_the_second), &[], None).await;
    assert!(with_ticket(&stack, issued.body["ticket"].as_str().unwrap()).await.is_some(), "{issued:?}");
}
