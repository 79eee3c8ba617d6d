//! Phones and mailboxes: what SNS and SES are given, seen by another SDK and in the stack's outbox.

use std::collections::BTreeSet;
use std::process::Command;

use reqwest::Method;
use serde_json::{Value, json};

use crate::anywhere::later::now;
use crate::harness::{PATIENCE, Stack};
use crate::schedule::rows::due_of;
use crate::sdk::boto3;

const APPLICATION: &str = "arn:aws:sns:us-east-1:123456789012:app/GCM/shop";
const APPLE: &str = "arn:aws:sns:us-east-1:123456789012:app/APNS/shop";

/// With another SDK: makes the applications and their endpoints, as a backend does for each phone.
const SCRIPT: &str = r#"
import json, sys
import boto3

sns = boto3.client("sns", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="operator",
                   aws_secret_access_key="secret")
seen = {}
for platform in ("GCM", "APNS"):
    application = sns.create_platform_application(
        Name="shop", Platform=platform, Attributes={"PlatformCredential": "x", "PlatformPrincipal": "y"})
    endpoint = sns.create_platform_endpoint(
        PlatformApplicationArn=application["PlatformApplicationArn"], Token="token-" + platform)
    seen[platform] = endpoint["EndpointArn"]
print(json.dumps(seen))
"#;

/// With another SDK: what was published is well formed by its model, and published once more is the same to the platforms.
const AGAIN: &str = r#"
import json, sys, urllib.request
import boto3

def outbox():
    return [one for one in json.load(urllib.request.urlopen(sys.argv[1] + "/_local/outbox")) if one["kind"] == "mobile_push"]

sns = boto3.client("sns", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="operator",
                   aws_secret_access_key="secret")
platforms = {}
for sent in outbox():
    asked = {name: value for name, value in sent["request"].items() if name not in ("Action", "Version")}
    structured = json.loads(asked["Message"])
    assert asked["MessageStructure"] == "json" and isinstance(structured["default"], str), asked
    entry = structured[sent["platform"]["name"]]
    assert isinstance(entry, str) and json.loads(entry) == json.loads(sent["message"]), structured
    attributes = {name: {"DataType": one["Type"], "StringValue": one["Value"]} for name, one in sent["attributes"].items()}
    sns.publish(TargetArn=asked["TargetArn"], Message=asked["Message"], MessageStructure=asked["MessageStructure"],
                MessageAttributes=attributes)
    twin = outbox()[-1]
    for same in ("destination", "platform", "message", "attributes"):
        assert twin[same] == sent[same], (same, sent, twin)
    platforms[sent["platform"]["name"]] = {"attributes": sorted(attributes), "message": json.loads(sent["message"])}
print(json.dumps(platforms))
"#;

const DISABLE: &str = r#"
import boto3, sys
sns = boto3.client("sns", endpoint_url=sys.argv[1], region_name="us-east-1", aws_access_key_id="operator",
                   aws_secret_access_key="secret")
sns.set_endpoint_attributes(EndpointArn=sys.argv[2], Attributes={"Enabled": "false"})
"#;

async fn boto(script: &'static str, arguments: Vec<String>) -> Option<Vec<u8>> {
    let python = tokio::task::spawn_blocking(boto3).await.unwrap()?;
    let output =
        tokio::task::spawn_blocking(move || Command::new(python).arg("-c").arg(script).args(arguments).output());
    let output = output.await.unwrap().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The parameters that switch on phones and mailboxes, with so many of each a day, all of which one user may use up.
fn parameters(cap: &str) -> Vec<String> {
    let parameters = [
        format!("PlatformApplicationArns={APPLICATION},{APPLE}"),
        format!("SmsDailyCap={cap}"),
        format!("EmailDailyCap={cap}"),
        "DailyCapShare=100".to_owned(),
        "EmailFrom=news@example.com".to_owned(),
    ];
    parameters.into_iter().flat_map(|parameter| ["--parameter".to_owned(), parameter]).collect()
}

async fn stack(cap: &str) -> Stack {
    let parameters = parameters(cap);
    Stack::start_with(&parameters.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Waits until so many messages have gone out, and gives them, oldest first.
async fn outbox(stack: &Stack, count: usize) -> Vec<Value> {
    let sent = async || stack.control(Method::GET, "outbox", None).await.as_array().unwrap().clone();
    stack.until_within(PATIENCE, "they have gone out", || async { sent().await.len() >= count }).await;
    let mut sent = sent().await;
    sent.sort_by_key(|message| message["at_ms"].as_u64());
    sent
}

#[tokio::test]
async fn phones_get_what_their_platforms_document_until_they_are_gone() {
    let stack = stack("10").await;
    let Some(made) = boto(SCRIPT, vec![stack.aws.clone()]).await else { return };
    let made: Value = serde_json::from_slice(&made).unwrap();
    let [google, apple] = ["GCM", "APNS"].map(|platform| made[platform].as_str().unwrap().to_owned());
    for target in [&google, &apple] {
        stack.add_endpoint("user:alice", &json!({"kind": "mobile_push", "target_arn": target})).await;
    }
    let data = json!({"order": 4711});
    let body = json!({"to": "user:alice", "title": "Hi", "body": "It is here", "url": "https://a.example/1", "data": data, "priority": "high"});
    stack.post(&body).await;
    let sent = outbox(&stack, 2).await;
    let to = |target: &str| {
        let message = sent.iter().find(|message| message["destination"] == target).unwrap();
        serde_json::from_str::<Value>(message["message"].as_str().unwrap()).unwrap()
    };
    let seen = boto(AGAIN, vec![stack.aws.clone()]).await.unwrap();
    let seen: Value = serde_json::from_slice(&seen).unwrap();
    let attributes = |platform: &str| seen[platform]["attributes"].as_array().unwrap().clone();
    assert!(attributes("APNS").contains(&json!("AWS.SNS.MOBILE.APNS.PUSH_TYPE")), "{seen}");
    assert!(attributes("APNS").contains(&json!("AWS.SNS.MOBILE.APNS.PRIORITY")), "{seen}");
    assert_eq!(seen["GCM"]["message"]["fcmV1Message"]["message"]["android"]["priority"], "high", "{seen}");
    let apns = to(&apple);
    assert_eq!(apns["aps"]["alert"], json!({"title": "Hi", "body": "It is here"}), "{apns}");
    assert_eq!((&apns["aps"]["badge"], &apns["seq"], &apns["data"]), (&json!(1), &json!(1), &data), "{apns}");
    let fcm = &to(&google)["fcmV1Message"]["message"];
    assert_eq!(fcm["notification"], json!({"title": "Hi", "body": "It is here"}), "{fcm}");
    assert_eq!(fcm["data"]["seq"], "1", "{fcm}");
    assert_eq!(fcm["android"]["priority"], "high", "{fcm}");

    boto(DISABLE, vec![stack.aws.clone(), google.clone()]).await.unwrap();
    stack.post(&json!({"to": "user:alice", "body": "again"})).await;
    let left = || async { stack.channel("user:alice").await["endpoints"] == 1 };
    stack.until("the one that is disabled is removed", left).await;
}

#[tokio::test]
async fn texts_and_mails_go_out_up_to_the_days_cap() {
    let stack = stack("2").await;
    let phone = stack.add_endpoint("user:alice", &json!({"kind": "sms", "phone": "+4915112345678"})).await;
    stack.add_endpoint("user:bob", &json!({"kind": "email", "address": "bob@example.com"})).await;
    for n in 1..=3 {
        stack.post(&json!({"to": ["user:alice", "user:bob"], "title": "Hi", "body": format!("number {n}")})).await;
    }
    let id = phone["id"].as_str().unwrap();
    let attempts = stack.attempts("user:alice", id, 3).await;
    let outcomes: Vec<&str> = attempts.iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "delivered").count(), 2, "{outcomes:?}");
    assert!(attempts.iter().any(|one| one["outcome"] == "put_off" && one["reason"] == "daily_cap"), "{attempts:?}");
    let sent = outbox(&stack, 4).await;
    let texts: Vec<&Value> = sent.iter().filter(|message| message["kind"] == "sms").collect();
    assert_eq!((texts.len(), &texts[0]["destination"]), (2, &json!("+4915112345678")));
    assert!(texts[0]["message"].as_str().unwrap().starts_with("Hi\nnumber "), "{texts:?}");
    let mails: Vec<&Value> = sent.iter().filter(|message| message["kind"] == "email").collect();
    assert_eq!(
        (mails.len(), &mails[0]["destination"], &mails[0]["from"]),
        (2, &json!("bob@example.com"), &json!("news@example.com"))
    );
    assert_eq!(mails[0]["subject"], "Hi");
}

#[tokio::test]
async fn what_a_day_has_no_room_for_goes_out_on_the_next() {
    let parameters = parameters("1");
    let arguments: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let Some(stack) = Stack::start_with_clock(&arguments).await else { return };
    stack.stop_sweeps().await;
    // The first of all begins where it is.
    stack.sweep().await;
    stack.add_endpoint("user:alice", &json!({"kind": "sms", "phone": "+4915112345678"})).await;
    for body in ["one", "two"] {
        stack.post(&json!({"to": "user:alice", "body": body})).await;
    }
    outbox(&stack, 1).await;
    let waits = async || stack.all_rows("Schedule").await.into_iter().find(|row| row["attempt"]["M"].is_object());
    stack.until("the other waits in the schedule", || async { waits().await.is_some() }).await;
    let (due, hour) = (due_of(&waits().await.unwrap()), 60 * 60 * 1000);
    let today = now() - now() % (24 * hour);
    assert!((24 * hour..28 * hour).contains(&(due - today)), "within the first four hours of the next day");
    stack.skip_to(due).await;
    stack.sweep().await;
    let went_out = || async { stack.control(Method::GET, "outbox", None).await.as_array().unwrap().len() == 2 };
    stack.until("it goes out", went_out).await;
    let texts = outbox(&stack, 2).await;
    let texts: BTreeSet<&str> = texts.iter().map(|text| text["message"].as_str().unwrap()).collect();
    assert_eq!(texts, BTreeSet::from(["one", "two"]));
}

/// The outcomes of an endpoint's attempts, once there are so many: the number delivered, and the number put off.
async fn outcomes(stack: &Stack, channel: &str, endpoint: &Value, count: usize) -> (usize, usize) {
    let attempts = stack.attempts(channel, endpoint["id"].as_str().unwrap(), count).await;
    let of = |outcome: &str| attempts.iter().filter(|one| one["outcome"] == outcome).count();
    (of("delivered"), of("put_off"))
}

#[tokio::test]
async fn one_users_texts_leave_the_others_theirs() {
    let parameters = ["--parameter", "SmsDailyCap=10", "--parameter", "DailyCapShare=40"];
    let stack = Stack::start_with(&parameters).await;
    let [mallorys, alices] = ["+4915100000001", "+4915100000002"].map(|phone| json!({"kind": "sms", "phone": phone}));
    let (mallory, alice) = ("user:mallory", "user:alice");
    let mallorys = stack.add_endpoint(mallory, &mallorys).await;
    // A service adds it: the texts are its user's all the same.
    let alices = stack.add_endpoint(alice, &alices).await;
    for n in 1..=6 {
        stack.post(&json!({"to": mallory, "body": format!("number {n}")})).await;
    }
    assert_eq!(outcomes(&stack, mallory, &mallorys, 6).await, (4, 2), "four in ten of the ten");
    // What is sent again counts like what is sent.
    stack.do_with_endpoint(mallory, mallorys["id"].as_str().unwrap(), "replay", Some(json!({"seq": 1}))).await;
    assert_eq!(outcomes(&stack, mallory, &mallorys, 12).await, (4, 8));
    for n in 1..=4 {
        stack.post(&json!({"to": alice, "body": format!("number {n}")})).await;
    }
    assert_eq!(outcomes(&stack, alice, &alices, 4).await, (4, 0));
    assert_eq!(outbox(&stack, 8).await.len(), 8);
}

#[tokio::test]
async fn a_long_text_counts_as_many_as_it_has_parts() {
    let stack = stack("4").await;
    let phone = stack.add_endpoint("user:alice", &json!({"kind": "sms", "phone": "+4915112345678"})).await;
    // Three parts of GSM's alphabet, two of any other, then one.
    for body in ["a".repeat(400), "я".repeat(100), "x".to_owned()] {
        let sent = stack.post(&json!({"to": "user:alice", "body": body})).await;
        let count = usize::try_from(sent.body["channels"][0]["seq"].as_u64().unwrap()).unwrap();
        stack.attempts("user:alice", phone["id"].as_str().unwrap(), count).await;
    }
    assert_eq!(outcomes(&stack, "user:alice", &phone, 3).await, (2, 1), "3 and 1 are 4, and 2 have no room");
    let used = stack.rows("Once").await.into_iter().filter(|row| row["used"].is_object());
    assert!(used.map(|row| row["used"]["N"].clone()).all(|used| used == "4"));
    assert_eq!(outbox(&stack, 2).await.len(), 2);
}
