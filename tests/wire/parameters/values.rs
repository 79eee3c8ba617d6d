//! All parameters: with what they may be every function starts, and with what they may not nothing is deployed.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::json;

use super::refusal;
use crate::harness::{Stack, each_in_template, each_resource, in_an_hour, room};

/// A parameter's least and greatest value, or two values that differ much, and values that it may not have.
struct Values {
    name: &'static str,
    least: String,
    most: String,
    wrong: Vec<String>,
}

fn one(name: &'static str, least: &str, most: &str, wrong: &[&str]) -> Values {
    let wrong = wrong.iter().map(ToString::to_string).collect();
    Values { name, least: least.to_owned(), most: most.to_owned(), wrong }
}

/// A whole number. Others that CloudFormation would take for a number are wrong, since a function could not read them.
fn whole(name: &'static str, least: u64, most: u64) -> Values {
    let wrong = ["", "10.5", "1e1", "+10", "010", "-1", " 10", "ten"].map(str::to_owned).into_iter();
    let beyond = [least.checked_sub(1), Some(most + 1)].into_iter().flatten().map(|number| number.to_string());
    Values { name, least: least.to_string(), most: most.to_string(), wrong: wrong.chain(beyond).collect() }
}

fn yes_or_no(name: &'static str) -> Values {
    one(name, "false", "true", &["", "yes", "TRUE"])
}

/// Those of the local stack that a test cannot do without, or that it cannot have otherwise.
const FIXED: [&str; 3] = ["Stage", "LocalTokenSecret", "LocalVapidKeys"];

fn deployment() -> Vec<Values> {
    let longest = format!("{}:{}", "t".repeat(32), "c".repeat(180));
    vec![
        one("Stage", "local", "local", &["", "Local", "1a", "an-address-of-thirty-three-letters"]),
        one("Architecture", "arm64", "x86_64", &["arm"]),
        whole("RetentionDays", 4, 365),
        one("RestoredAt", "", "2026-01-01T00:00:00Z", &["2026-01-01", "2026-01-01T24:00:00Z"]),
        whole("ReservedForRequests", 0, 1000),
        whole("DeliverConcurrency", 2, 1000),
        yes_or_no("ReserveDeliverConcurrency"),
        whole("PollConcurrency", 0, 1000),
        whole("EndpointConcurrency", 2, 1000),
        whole("SlowEndpointConcurrency", 2, 1000),
        whole("ShareConcurrency", 2, 1000),
        whole("PostsPerSecond", 10, 100_000),
        whole("WarmWriteUnits", 4_000, 1_000_000),
        one(
            "InboundChannel",
            "a:b",
            &longest,
            &["", "inbound", "Topic:x", "topic:", "topic:a b", &format!("{longest}c")],
        ),
        one("LogLevel", "DEBUG", "ERROR", &["TRACE"]),
        one("LogRetentionDays", "1", "3653", &["0", "2", "1.0", "365.5"]),
        one("AccessLogs", "none", "all", &["websocket"]),
        yes_or_no("CallersInLogs"),
        one("AlarmTopicArn", "", "arn:aws:sns:us-east-1:123456789012:alarms", &["alarms"]),
        one("KeyArn", "", "arn:aws:kms:us-east-1:123456789012:key/some", &["alias/some"]),
    ]
}

fn endpoints() -> Vec<Values> {
    let application = |partition: &str, platform: &str, name: usize| {
        format!("arn:{partition}:sns:us-gov-west-1:123456789012:app/{platform}/{}", "n".repeat(name))
    };
    let others =
        [application("gov", "GCM", 1), application("aws", "FCM", 1), application("aws", "GCM", 257), "shop".to_owned()];
    vec![
        one("WebhookPorts", "1", "443,65535", &["0", "65536", "https", "443;8443"]),
        yes_or_no("WebhookChallenge"),
        one("AllowLoopbackWebhooks", "false", "1,65535", &["", "true", "0", "65536", "99999", "9000,", "9000,65536"]),
        one("NameServer", "", "127.0.0.1:65535", &["127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "localhost:53"]),
        one(
            "VapidPublicKey",
            "",
            "BMggzrxZwtddpt5FLKI-VO9Gob9sgO03pIdE17VUlpHamjXjfH5CZ_1Jddt9XTPgEzNRiUx_bgTqfwk5q5g3gak",
            &["a key"],
        ),
        one("LocalVapidKeys", "", "", &[]),
        Values {
            name: "PlatformApplicationArns",
            least: String::new(),
            most: application("aws-us-gov", "APNS_SANDBOX", 256),
            wrong: others.to_vec(),
        },
        whole("SmsDailyCap", 0, 1_000_000),
        whole("EmailDailyCap", 0, 1_000_000),
        whole("DailyCapShare", 1, 100),
        one("EmailFrom", "", "tidings@example.com", &["tidings", "Tidings <tidings@example.com>"]),
    ]
}

fn callers() -> Vec<Values> {
    let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEV0jGGrRUtJbxmLFaUSnFp6jJSqCKXiNxkGCwegaNV+T++q0YpV9dxxvRUf0jwuY0nKBrKejPRV48BXi1degtw==";
    let key = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----");
    let no_addresses = [
        "https://127.0.0.1:99999/k",
        "https://127.0.0.1:0/k",
        "https://idp.example.com:/k",
        "https://idp.example.com:443:443/k",
        "https://127.0.0.256/k",
        "https://idp.example.1/k",
        "https://idp..example.com/k",
        "https://[::1/k",
        "https://id%20p.example.com/k",
        "http://127.0.0.1:99999/k",
    ];
    vec![
        one("TokenPublicKey", "", &key, &["a key"]),
        one("TokenJwksUrl", "", "https://127.0.0.1:65535/keys.json?all#first", &no_addresses),
        one("TokenIssuer", "", "https://idp.example.com/", &[]),
        one("TokenAudience", "", "tidings", &[]),
        one("TokenUserClaim", "a", &"~".repeat(100), &["", "my claim", &"~".repeat(101)]),
        // Nobody could call otherwise.
        one("AcceptSecretTokens", "true", "true", &["", "1"]),
        whole("LongestTokenSeconds", 0, 31_622_400),
        one("LocalTokenSecret", "", "", &["short"]),
        one("AllowedOrigins", "", "https://a.example,http://*", &["https://a.example/path", "a.example"]),
        // The local stack has no other address.
        one("DisableExecuteApiEndpoint", "false", "false", &["", "no"]),
        whole("RequestsPerSecond", 1, 100_000),
        whole("RequestBurst", 1, 100_000),
        whole("PollsPerSecond", 1, 100_000),
        whole("LongestPollSeconds", 0, 25),
        whole("ConnectionsPerUser", 1, 900),
        whole("ReplayMegabytesPerHour", 1, 1_000_000),
    ]
}

fn all() -> Vec<Values> {
    [deployment(), endpoints(), callers()].into_iter().flatten().collect()
}

#[tokio::test]
async fn what_a_parameter_may_not_be_is_refused_by_its_name_before_anything_starts() {
    let _room = room().await;
    let mut known = BTreeSet::new();
    each_in_template("Parameters", |name, _| assert!(known.insert(name.to_owned())));
    let all = all();
    assert_eq!(all.iter().map(|values| values.name.to_owned()).collect::<BTreeSet<_>>(), known);
    let wrong = all.iter().flat_map(|values| values.wrong.iter().map(|wrong| (values.name, wrong)));
    let refusals = wrong.map(|(name, wrong)| async move {
        let said = refusal(&format!("{name}={wrong}")).await;
        assert!(said.contains(&format!("parameter {name} may not be")), "{name}={wrong}: {said}");
    });
    stream::iter(refusals).buffer_unordered(4).collect::<Vec<()>>().await;
}

/// Has each function run once, with these values.
async fn assert_all_start(value: impl Fn(&Values) -> &str) {
    let parameters: Vec<String> = all()
        .iter()
        .filter(|values| !FIXED.contains(&values.name))
        .flat_map(|values| ["--parameter".to_owned(), format!("{}={}", values.name, value(values))])
        .collect();
    let stack = Stack::start_with(&parameters.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let publisher = stack.token(&json!({"sub": "alice", "publish": ["*"], "exp": in_an_hour()}));
    let post = async |path: &str, body| stack.call(Method::POST, path, Some(&publisher), &[], Some(body)).await.status;
    let mut alice = stack.try_connect(&publisher).await.unwrap();
    // So that `share` gets the post.
    stack.fault(json!({"on": "management.POST", "times": 3, "do": {"status": 429}})).await;
    for endpoint in [
        json!({"kind": "webhook", "url": "https://hooks.example.com:1/"}),
        json!({"kind": "sms", "phone": "+4915112345678"}),
    ] {
        // One of the two is off.
        post("/v1/channels/user:alice/endpoints", endpoint.to_string()).await;
    }
    for more in [json!({}), json!({"delay": "1s"})] {
        let mut notification = json!({"to": "user:alice", "body": "x"});
        notification.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(post("/v1/notifications", notification.to_string()).await, 202);
    }
    for path in ["/v1/notifications?channel=user:alice", "/"] {
        assert_eq!(stack.call(Method::GET, path, Some(&publisher), &[], None).await.status, 200, "{path}");
    }
    let (client, topic) = stack.inbound().await;
    client.publish().topic_arn(topic).message("x").send().await.unwrap();
    stack.sweep().await;
    alice.ask(json!({"action": "subscribe", "channel": "user:alice"})).await;
    alice.close().await;

    let mut functions = BTreeSet::new();
    each_resource("AWS::Serverless::Function", |name, _| assert!(functions.insert(name.to_owned())));
    let all_run = || async {
        let processes = stack.control(Method::GET, "processes", None).await;
        let has_run = |process: &&serde_json::Value| process["invocations"].as_u64() >= Some(1);
        let names = processes.as_array().unwrap().iter().filter(has_run);
        names.map(|process| process["function"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>() == functions
    };
    stack.until("each function has run", all_run).await;
}

#[tokio::test]
async fn every_function_starts_with_the_least_that_parameters_may_be() {
    assert_all_start(|values| &values.least).await;
}

#[tokio::test]
async fn every_function_starts_with_the_most_that_parameters_may_be() {
    assert_all_start(|values| &values.most).await;
}
