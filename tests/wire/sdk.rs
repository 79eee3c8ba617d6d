//! An AWS SDK that is not Rust's speaks to the local stack: Python's boto3.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::anywhere::poll::{only, poll};
use crate::harness::{Stack, python};
use crate::schedule::tell;

/// A Python with boto3.
pub(crate) fn boto3() -> Option<PathBuf> {
    static ONCE: Mutex<()> = Mutex::new(());
    let _turn = ONCE.lock().unwrap_or_else(PoisonError::into_inner);
    python("boto3")
}

const SCRIPT: &str = r#"
import json, sys
import boto3
from botocore.config import Config

websocket, aws, connection = sys.argv[1:]
keys = dict(region_name="us-east-1", aws_access_key_id="operator", aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 1}))
api = boto3.client("apigatewaymanagementapi", endpoint_url=websocket.replace("ws://", "http://"), **keys)
seen = {}
api.post_to_connection(ConnectionId=connection, Data=b'{"type":"hello"}')
looked = api.get_connection(ConnectionId=connection)
seen["connected_at"] = looked["ConnectedAt"].isoformat()
seen["source_ip"] = looked["Identity"]["SourceIp"]
try:
    api.post_to_connection(ConnectionId=connection, Data=b"x" * (128 * 1024 + 1))
except api.exceptions.PayloadTooLargeException as error:
    seen["too_large"] = error.response["ResponseMetadata"]["HTTPStatusCode"]
api.delete_connection(ConnectionId=connection)
for call in (api.get_connection, api.delete_connection):
    try:
        call(ConnectionId=connection)
    except api.exceptions.GoneException as error:
        seen[call.__name__] = error.response["ResponseMetadata"]["HTTPStatusCode"]
try:
    api.post_to_connection(ConnectionId=connection, Data=b"late")
except api.exceptions.GoneException as error:
    seen["post"] = error.response["ResponseMetadata"]["HTTPStatusCode"]
tables = boto3.client("dynamodb", endpoint_url=aws, **keys).list_tables()["TableNames"]
seen["tables"] = len(tables)
sqs = boto3.client("sqs", endpoint_url=aws, **keys)
url = next(url for url in sqs.list_queues()["QueueUrls"] if "DueDeadLetters" in url)
sqs.send_message(QueueUrl=url, MessageBody="für später", DelaySeconds=1)
message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"][0]
sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
seen["body"], seen["left"] = message["Body"], attributes["ApproximateNumberOfMessages"]
try:
    sqs.get_queue_url(QueueName="nobody's")
except sqs.exceptions.QueueDoesNotExist as error:
    seen["unknown"] = error.response["ResponseMetadata"]["HTTPStatusCode"]
print(json.dumps(seen))
"#;

const PUBLISH: &str = r#"
import json, sys, time
import boto3

aws, channel = sys.argv[1:]
sns = boto3.client("sns", endpoint_url=aws, region_name="us-east-1", aws_access_key_id="operator",
                   aws_secret_access_key="secret")
topic = sns.list_topics()["Topics"][0]["TopicArn"]
attributes = {"channel": {"DataType": "String", "StringValue": channel}}
time.sleep(2)
began = time.time()
sns.publish(TopicArn=topic, Message="für alle", Subject="SNS", MessageAttributes=attributes)
# Until the first has arrived: SNS promises no order.
sys.stdin.read()
entries = [{"Id": str(n), "Message": str(n), "MessageAttributes": attributes} for n in range(10)]
batch = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
seen = {"published_at": began, "successful": len(batch["Successful"])}
try:
    sns.publish(TopicArn=topic + "none", Message="x")
except sns.exceptions.NotFoundException as error:
    seen["unknown"] = error.response["ResponseMetadata"]["HTTPStatusCode"]
print(json.dumps(seen))
"#;

#[tokio::test]
async fn what_boto3_publishes_makes_a_waiting_long_poll_answer() {
    let Some(python) = tokio::task::spawn_blocking(boto3).await.unwrap() else { return };
    let stack = Stack::start().await;
    // So that the answer's time is not that of two processes that start.
    let (client, topic) = stack.inbound().await;
    client.publish().topic_arn(topic).message("warm").send().await.unwrap();
    poll(&stack, &["topic:inbound:0".to_owned()], &[("wait", "25")]).await;
    let aws = stack.aws.clone();
    let mut publishing = Command::new(python)
        .args(["-c", PUBLISH, &aws, "topic:news"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let answer = poll(&stack, &["topic:news:0".to_owned()], &[("wait", "25")]).await;
    let answered_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    drop(publishing.stdin.take());
    let output = tokio::task::spawn_blocking(move || publishing.wait_with_output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    let item = &only(&answer).0["items"][0];
    assert_eq!((&item["title"], &item["body"]), (&json!("SNS"), &json!("für alle")));
    assert_eq!((&seen["successful"], &seen["unknown"]), (&json!(10), &json!(404)));
    let late = answered_at - seen["published_at"].as_f64().unwrap();
    tell(&format!("LATENCY from boto3's sns.publish to the answer of a waiting long poll: {:.0} ms", late * 1000.0));
    let all = || async { stack.seqs("topic:news").await == (1..=11).collect::<Vec<_>>() };
    stack.until("the batch has come too", all).await;
}

#[tokio::test]
async fn boto3_posts_to_looks_at_and_deletes_a_connection_and_gets_its_own_exceptions() {
    let Some(python) = tokio::task::spawn_blocking(boto3).await.unwrap() else { return };
    let stack = Stack::start().await;
    let mut alice = stack.connect("alice").await;
    let id = stack.sockets().await[0].clone();
    let (websocket, aws) = (stack.websocket.clone(), stack.aws.clone());
    let running = tokio::task::spawn_blocking(move || {
        Command::new(python).args(["-c", SCRIPT, &websocket, &aws, &id]).output().unwrap()
    });
    assert_eq!(alice.next().await, json!({"type": "hello"}));
    let output = running.await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (what, status) in [("too_large", 413), ("get_connection", 410), ("delete_connection", 410), ("post", 410)] {
        assert_eq!(seen[what], status, "{what}: {seen}");
    }
    let source = if cfg!(target_os = "linux") { "127.0.0.77" } else { "127.0.0.1" };
    assert_eq!((&seen["source_ip"], &seen["tables"]), (&json!(source), &json!(4)));
    assert_eq!((&seen["body"], &seen["left"]), (&json!("für später"), &json!("0")), "a queue keeps and forgets");
    assert_eq!(seen["unknown"], 400, "a queue that is not there");
    assert!(seen["connected_at"].as_str().unwrap().starts_with("20"));
    assert!(alice.next_or_close().await.is_err(), "deleted is closed");
}
