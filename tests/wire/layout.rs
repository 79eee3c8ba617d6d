//! The rules between rooms: one name for one function everywhere, and each event in `events/` is one that its function
//! takes.

use std::collections::BTreeSet;
use std::path::Path;

use saphyr::Yaml;
use serde_json::{Value, json};

use crate::harness::{Function, Stack, each_in_template, each_resource, local_secret, root, sign};

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The functions in the template, in lower case.
fn functions_in_template() -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    each_resource("AWS::Serverless::Function", |name, _| {
        functions.insert(name.to_lowercase());
    });
    functions
}

#[test]
fn a_function_has_one_name_in_functions_in_events_and_in_the_template() {
    let functions = functions_in_template();
    assert!(!functions.is_empty());
    assert_eq!(names_in(&root().join("functions")), functions);
    assert_eq!(names_in(&root().join("events")), functions);
}

pub(crate) fn event(name: &str) -> Value {
    let text = std::fs::read_to_string(root().join("events").join(format!("{name}.json"))).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Has a function take its event from `events/`, changed a little where a file cannot have what the stack checks.
async fn take(stack: &Stack, name: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut event = event(&name.to_lowercase());
    change(&mut event);
    Function::start(stack, name).await.invoke(&event).await
}

#[tokio::test]
async fn each_function_takes_its_event() {
    let stack = Stack::start().await;
    let token = &sign(&json!({"sub": "alice", "publish": ["*"]}), local_secret());
    let bearer = |event: &mut Value| event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    let mut functions = Vec::new();
    each_resource("AWS::Serverless::Function", |name, _| functions.push(name.to_owned()));
    for name in &functions {
        match name.as_str() {
            "Authorizer" => {
                let with_token = |event: &mut Value| event["queryStringParameters"]["token"] = json!(token);
                let policy = take(&stack, name, with_token).await;
                assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], "Allow", "{policy}");
                let unsigned = take(&stack, name, |_| {}).await;
                assert_eq!(unsigned["errorMessage"], "Unauthorized", "the file's own token has expired");
            }
            "Connect" | "Disconnect" => assert_eq!(take(&stack, name, |_| {}).await["statusCode"], 200, "{name}"),
            "Message" => {
                assert_eq!(take(&stack, name, |_| {}).await["statusCode"], 200);
                let connection = &event("message")["requestContext"]["connectionId"];
                let calls = stack.calls().await;
                let answered =
                    calls.iter().any(|call| call["operation"] == "POST" && call["connection"] == *connection);
                assert!(answered, "it posts its answer to the event's connection");
            }
            "Deliver" | "Attempt" | "Share" => {
                let left = take(&stack, name, |_| {}).await;
                assert_eq!(left, json!({"batchItemFailures": []}), "{name}: a message for nobody is done with");
            }
            "Sweeper" => {
                stack.stop_sweeps().await;
                let sweeps = async || {
                    let rows = stack.rows("Schedule").await;
                    let progress = rows.into_iter().find(|row| row["bucket"]["S"] == "sweeper");
                    progress.map_or(0, |row| row["sweeps"]["N"].as_str().unwrap().parse::<u64>().unwrap())
                };
                let mut sweeper = Function::start(&stack, name).await;
                let before = sweeps().await;
                assert_eq!(sweeper.invoke(&event("sweeper")).await, Value::Null);
                assert_eq!(sweeps().await, before + 1, "it keeps how far it came");
            }
            "Send" => assert_eq!(take(&stack, name, bearer).await["statusCode"], 202),
            "Poll" | "Page" => assert_eq!(take(&stack, name, bearer).await["statusCode"], 200, "{name}"),
            "Ingest" => {
                assert_eq!(take(&stack, name, |_| {}).await, Value::Null);
                assert_eq!(stack.seqs("topic:operations").await, [1]);
            }
            other => panic!("{other} is not tried here"),
        }
    }
}

/// The template agrees with the sweeper's assumptions about the due queue.
#[test]
fn a_message_is_with_the_due_queue_for_no_longer_than_the_sweeper_thinks() {
    let source = std::fs::read_to_string(root().join("shared/domain/src/schedule/sweep.rs")).unwrap();
    let number = |yaml: &Yaml<'_>, name: &str| yaml.as_mapping_get(name).unwrap().as_integer().unwrap();
    let mut timeout = 0;
    each_resource("AWS::Serverless::Function", |name, function| {
        if name == "Deliver" {
            timeout = number(function, "Timeout");
        }
    });
    each_resource("AWS::SQS::Queue", |name, queue| {
        let Some(redrive) = queue.as_mapping_get("RedrivePolicy").filter(|_| name == "DueQueue") else { return };
        let (tries, visibility) = (number(redrive, "maxReceiveCount"), number(queue, "VisibilityTimeout"));
        assert_eq!(visibility, 6 * timeout, "as AWS advises");
        assert!(source.contains(&format!("QUEUE_TRIES: usize = {tries};")), "{tries} tries");
        assert!(source.contains("QUEUE_PATIENCE: i64 = 7 * 60_000;") && tries * visibility < 7 * 60);
    });
}

/// An attempt's lease, its function and its queue agree on who has it when.
#[test]
fn an_attempt_is_over_before_its_lease_and_its_lease_before_its_message_is_delivered_again() {
    let source = std::fs::read_to_string(root().join("shared/src/actions/attempt/mod.rs")).unwrap();
    let number = |yaml: &Yaml<'_>, name: &str| yaml.as_mapping_get(name).unwrap().as_integer().unwrap();
    each_resource("AWS::Serverless::Function", |name, function| {
        if name == "Attempt" {
            let lease = format!("LEASE: i64 = {}_000;", number(function, "Timeout"));
            assert!(source.contains(&lease), "{lease}");
        }
    });
    each_resource("AWS::SQS::Queue", |name, queue| {
        if name.ends_with("EndpointsQueue") {
            assert!(number(queue, "VisibilityTimeout") > 25);
        }
    });
}

#[test]
fn rooms_keep_to_themselves() {
    let manifest = |package: &str| std::fs::read_to_string(root().join(package).join("Cargo.toml")).unwrap();
    let local = manifest("local");
    for ours in ["shared", "tidings"] {
        let uses = |line: &str| line.split(['.', ' ', '=']).next() == Some(ours);
        assert!(!local.lines().any(uses), "local/ uses {ours}");
    }
    for shared in ["shared", "shared/domain", "shared/kinds"] {
        assert!(!manifest(shared).contains("tidings"), "{shared}/ uses a client or the local stack");
    }
    assert!(!manifest("shared/domain").contains("shared"), "shared/domain/ uses what is built on it");
    assert!(!manifest("shared/domain").contains("kinds"), "shared/domain/ uses what is built on it");
    for function in functions_in_template() {
        let manifest = manifest(&format!("functions/{function}"));
        let others = functions_in_template();
        let uses =
            manifest.lines().find(|line| others.iter().any(|other| line.split(['.', ' ', '=']).next() == Some(other)));
        assert_eq!(uses, None, "functions/{function} uses another function");
    }
}

#[test]
fn the_docs_have_every_error_code_with_its_status() {
    let code = std::fs::read_to_string(root().join("shared/domain/src/refusal.rs")).unwrap();
    let docs = std::fs::read_to_string(root().join("docs/reference/errors.md")).unwrap();
    // `Self::Forbidden => "forbidden"` and `Self::Forbidden => (403, …)`.
    let arm = |line: &str| Some((line.trim().split_once(" => ")?.0.to_owned(), line.split_once(" => ")?.1.to_owned()));
    let arms: Vec<_> = code.lines().filter_map(arm).collect();
    let codes = arms.iter().filter(|(_, value)| value.starts_with('"'));
    let mut count = 0;
    for (variant, name) in codes {
        let (_, status) = arms.iter().find(|(other, value)| other == variant && value.starts_with('(')).unwrap();
        let (name, status) = (name.trim_matches(['"', ',']), &status[1..4]);
        assert_eq!(docs.matches(&format!("| `{name}` | {status} |")).count(), 1, "{name} with {status}");
        count += 1;
    }
    assert!(count >= 15, "{count}");
}

/// A stage that is deployed before one of these lacks it until the next deployment.
#[test]
fn the_websocket_stage_comes_after_all_that_it_deploys() {
    let (mut parts, mut waits_for) = (BTreeSet::new(), BTreeSet::new());
    let text = |yaml: &Yaml<'_>| yaml.as_str().unwrap().to_owned();
    for kind in ["Route", "Integration", "RouteResponse", "IntegrationResponse"] {
        each_resource(&format!("AWS::ApiGatewayV2::{kind}"), |name, part| {
            let api = part.as_mapping_get("ApiId").unwrap();
            if format!("{api:?}").contains("WebSocketApi") {
                parts.insert(name.to_owned());
            }
        });
    }
    each_in_template("Resources", |name, resource| {
        if name == "WebSocketStage" {
            waits_for.extend(resource.as_mapping_get("DependsOn").unwrap().as_sequence().unwrap().iter().map(text));
        }
    });
    assert!(parts.len() >= 10, "{parts:?}");
    assert_eq!(waits_for, parts);
}

/// `sam deploy --guided` repeats its question for a parameter that it may not show, and for one that may not be empty.
#[test]
fn every_parameter_can_be_left_as_it_is() {
    each_in_template("Parameters", |name, parameter| {
        assert!(parameter.as_mapping_get("Default").is_some(), "{name} has no default");
        assert_eq!(parameter.as_mapping_get("NoEcho"), None, "{name}");
    });
}
