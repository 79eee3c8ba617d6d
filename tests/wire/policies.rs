//! A function's role in the template, its binary and the calls that it makes agree.

use std::collections::{BTreeMap, BTreeSet};

use object::{Object as _, ObjectSymbol as _};
use reqwest::Method;
use saphyr::Yaml;
use serde_json::{Value, json};

use crate::anywhere::later::{cancel, look, now, schedule};
use crate::anywhere::poll::poll;
use crate::anywhere::tickets::with_ticket;
use crate::audience::next_hastened;
use crate::endpoints::stack::LOOPBACK;
use crate::harness::{Function, PATIENCE, Receiver, Reply, Socket, Stack, binaries, each_resource, in_an_hour};
use crate::layout::event;
use crate::lifecycle::{age, events};
use crate::schedule::rows::{make_due, make_series_due, row, wake};

/// Rights, each an action and what it is allowed on: `dynamodb:PutItem Once`, `execute-api:ManageConnections POST`.
type Rights = BTreeSet<String>;

/// The resources that the bundle's functions work on, as a right names them.
const THINGS: [&str; 17] = [
    "Subscribers",
    "Notifications",
    "Once",
    "Schedule",
    "DueQueue",
    // Before the queue whose name it ends with.
    "UnstoredSharesQueue",
    "SharesQueue",
    // As that one.
    "SlowEndpointsQueue",
    "EndpointsQueue",
    "EndpointDeadLetters",
    "InboundDeadLetters",
    "TokenSecret",
    "VapidSecret",
    ":endpoint/",
    ":identity/",
    "/POST/",
    "/DELETE/",
];

/// The calls that Lambda makes in the name of a function that a queue is mapped to, and that no function makes itself.
const POLLING: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

fn right(action: &str, resource: &str) -> String {
    // A phone number is no resource.
    let thing = if resource == "*" { Some(&"*") } else { THINGS.iter().find(|thing| resource.contains(**thing)) };
    format!("{action} {}", thing.unwrap_or_else(|| panic!("{action} on {resource}")).trim_matches(['/', ':']))
}

fn strings(yaml: &Yaml<'_>) -> Vec<String> {
    match yaml {
        Yaml::Tagged(_, inner) => strings(inner),
        Yaml::Sequence(items) => items.iter().flat_map(strings).collect(),
        scalar => scalar.as_str().map(ToOwned::to_owned).into_iter().collect(),
    }
}

/// The rights that each function's role grants it, by the function's logical name.
fn granted() -> BTreeMap<String, Rights> {
    let mut granted = BTreeMap::new();
    each_resource("AWS::IAM::Role", |name, role| {
        let function = name.strip_suffix("Role").unwrap();
        assert_eq!(role.as_mapping_get("ManagedPolicyArns"), None, "{name}");
        let [policy] = role.as_mapping_get("Policies").unwrap().as_sequence().unwrap().as_slice() else {
            panic!("{name} has one policy")
        };
        let statements = policy.as_mapping_get("PolicyDocument").unwrap().as_mapping_get("Statement").unwrap();
        let rights = statements.as_sequence().unwrap().iter().flat_map(|statement| rights_of(function, statement));
        granted.insert(function.to_owned(), rights.collect());
    });
    let mut functions = Vec::new();
    each_resource("AWS::Serverless::Function", |name, function| {
        assert_eq!(strings(function.as_mapping_get("Role").unwrap()), [format!("{name}Role.Arn")]);
        assert_eq!(function.as_mapping_get("Policies"), None, "{name} has more rights than its role's");
        functions.push(name.to_owned());
    });
    functions.sort();
    assert_eq!(granted.keys().cloned().collect::<Vec<_>>(), functions);
    granted
}

fn rights_of(function: &str, statement: &Yaml<'_>) -> Vec<String> {
    if let Yaml::Tagged(_, condition) = statement {
        let condition = condition.as_sequence().unwrap();
        return match condition[0].as_str().unwrap() {
            "HasKey" => {
                assert_uses_the_operators_key(function, condition);
                Vec::new()
            }
            switch => rights_of_a_kind(switch, &condition[1]),
        };
    }
    assert_eq!(statement.as_mapping_get("Effect").unwrap().as_str(), Some("Allow"));
    assert_eq!(statement.as_mapping_get("Condition"), None);
    let actions = strings(statement.as_mapping_get("Action").unwrap());
    let resources = strings(statement.as_mapping_get("Resource").unwrap());
    assert!(!actions.iter().any(|action| action.contains('*')), "{actions:?}");
    let is_wild = |resource: &&String| resource.contains('*') && !resource.ends_with("/@connections/*");
    assert_eq!(resources.iter().find(is_wild), None, "{function}: {actions:?}");
    if resources.iter().any(|resource| resource.ends_with("Logs.Arn")) {
        // Lambda writes what a function prints, in the function's name.
        assert_eq!(actions, ["logs:CreateLogStream", "logs:PutLogEvents"], "{function}");
        assert_eq!(resources, [format!("{function}Logs.Arn")]);
        return Vec::new();
    }
    resources.iter().flat_map(|resource| actions.iter().map(move |action| right(action, resource))).collect()
}

/// Rights that are granted only where a kind of endpoints is switched on: to reach any phone or any address.
fn rights_of_a_kind(switch: &str, statement: &Yaml<'_>) -> Vec<String> {
    let resources =
        ["Resource", "NotResource"].map(|key| statement.as_mapping_get(key).map(strings).unwrap_or_default());
    let [resources, all_but] = resources;
    if switch == "SendsTexts" {
        // A phone number has no ARN.
        assert!(resources.is_empty() && all_but[0].ends_with(":sns:*:*:*"), "{all_but:?}");
        return strings(statement.as_mapping_get("Action").unwrap()).iter().map(|action| right(action, "*")).collect();
    }
    assert_eq!(all_but, Vec::<String>::new(), "{switch}");
    let reached = match switch {
        // Made of the ARNs of the applications that the parameter names.
        "PushesToPhones" => {
            assert_eq!(resources, [",", "${all}/*"]);
            ":endpoint/"
        }
        "SendsEmails" => {
            assert!(
                resources
                    .iter()
                    .all(|one| [":identity/*", ":configuration-set/*"].iter().any(|end| one.ends_with(end)))
            );
            let condition = statement.as_mapping_get("Condition").unwrap().as_mapping_get("StringEquals").unwrap();
            assert_eq!(strings(condition.as_mapping_get("ses:FromAddress").unwrap()), ["EmailFrom"]);
            ":identity/"
        }
        other => panic!("{other} is no switch that this test knows"),
    };
    strings(statement.as_mapping_get("Action").unwrap()).iter().map(|action| right(action, reached)).collect()
}

/// Where Lambda keeps the events that a function cannot work on.
fn dead_letters(function: &str) -> Option<String> {
    let mut queue = None;
    each_resource("AWS::Serverless::Function", |name, properties| {
        if let Some(letters) = properties.as_mapping_get("DeadLetterQueue").filter(|_| name == function) {
            queue = Some(strings(letters.as_mapping_get("TargetArn").unwrap())[0].replace(".Arn", ""));
        }
    });
    queue
}

/// Whether a function's environment has the shares queues, which have the operator's key.
fn sends_shares(function: &str) -> bool {
    let mut sends = false;
    each_resource("AWS::Serverless::Function", |name, properties| {
        let variables = properties.as_mapping_get("Environment").and_then(|all| all.as_mapping_get("Variables"));
        sends |= name == function && variables.is_some_and(|all| all.as_mapping_get("SHARES_QUEUE").is_some());
    });
    sends
}

/// With a key of the operator's own, DynamoDB and Secrets Manager decrypt with it in the function's name, and SQS encrypts
/// its dead letters and its shares; else nothing.
fn assert_uses_the_operators_key(function: &str, condition: &[Yaml<'_>]) {
    let [has_key, decrypt, otherwise] = condition else { panic!("{function}: {condition:?}") };
    assert_eq!((has_key.as_str(), strings(otherwise)), (Some("HasKey"), vec!["AWS::NoValue".to_owned()]));
    let of = |name: &str| strings(decrypt.as_mapping_get(name).unwrap());
    let encrypts = dead_letters(function).is_some() || sends_shares(function);
    let uses = if encrypts { vec!["kms:Decrypt", "kms:GenerateDataKey"] } else { vec!["kms:Decrypt"] };
    let uses = uses.into_iter().map(str::to_owned).collect();
    assert_eq!(
        (of("Effect"), of("Action"), of("Resource")),
        (vec!["Allow".to_owned()], uses, vec!["KeyArn".to_owned()])
    );
    let via = decrypt.as_mapping_get("Condition").unwrap().as_mapping_get("StringEquals").unwrap();
    let mut via = strings(via.as_mapping_get("kms:ViaService").unwrap());
    via.sort();
    let calls = called_by_binary(function);
    let mut services = vec!["dynamodb", "secretsmanager"];
    services.retain(|service| calls.iter().any(|call| call.starts_with(service)));
    services.extend(encrypts.then_some("sqs"));
    assert_eq!(
        via,
        services.iter().map(|service| format!("{service}.${{AWS::Region}}.amazonaws.com")).collect::<Vec<_>>()
    );
}

/// The one action for all calls of the management API: what is granted of it is a verb, in the resource.
const MANAGES: &str = "execute-api:ManageConnections";

/// The function that posts to connections, without the SDK.
const POSTER: &str = "shared::aws::management::post_client::PostClient::post";

/// The symbols of a function's binary that call AWS: what is never called is not linked in.
fn calling_symbols(function: &str) -> Vec<String> {
    let bytes = std::fs::read(binaries().join(function.to_lowercase())).unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let names =
        file.symbols().filter_map(|symbol| Some(format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?))));
    names.filter(|name| name.starts_with("aws_sdk_") || name.starts_with(POSTER)).collect()
}

/// The actions that a binary's calls need.
fn called_by_binary(function: &str) -> Rights {
    let symbols = calling_symbols(function);
    let sends = symbols.iter().filter(|name| name.ends_with("FluentBuilder::send"));
    let mut actions = Rights::new();
    for name in sends {
        let path: Vec<&str> = name.split("::").collect();
        match (path[0], path[2]) {
            // `aws-config` can assume a role named in a profile; functions are given their credentials.
            ("aws_sdk_sts", _) => {}
            ("aws_sdk_dynamodb", "transact_write_items") => {}
            ("aws_sdk_dynamodb", operation) => drop(actions.insert(format!("dynamodb:{}", camel(operation)))),
            ("aws_sdk_secretsmanager", operation) => {
                actions.insert(format!("secretsmanager:{}", camel(operation)));
            }
            // A batch needs the right to send one.
            ("aws_sdk_sqs", operation) => {
                actions.insert(format!("sqs:{}", camel(operation.trim_end_matches("_batch"))));
            }
            ("aws_sdk_sns", operation) => drop(actions.insert(format!("sns:{}", camel(operation)))),
            ("aws_sdk_sesv2", operation) => drop(actions.insert(format!("ses:{}", camel(operation)))),
            ("aws_sdk_apigatewaymanagement", operation) => {
                let verb = match operation {
                    "post_to_connection" => "POST",
                    "delete_connection" => "DELETE",
                    other => panic!("{function} calls {other}, whose verb this test does not know"),
                };
                actions.insert(format!("{MANAGES} {verb}"));
            }
            _ => panic!("{function} calls {name}, which this test does not know"),
        }
    }
    if symbols.iter().any(|name| name.starts_with(POSTER)) {
        actions.insert(format!("{MANAGES} POST"));
    }
    // A transaction needs the right to each kind of its items.
    for (kind, action) in [
        ("put", "PutItem"),
        ("update", "UpdateItem"),
        ("delete", "DeleteItem"),
        ("condition_check", "ConditionCheckItem"),
    ] {
        if symbols.iter().any(|name| name.ends_with(&format!("TransactWriteItemBuilder::{kind}"))) {
            actions.insert(format!("dynamodb:{action}"));
        }
    }
    actions
}

/// A right without its resource, as far as a binary's symbols can tell.
fn action(right: &str) -> &str {
    if right.starts_with(MANAGES) { right } else { right.split(' ').next().unwrap() }
}

fn camel(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// Takes out what Lambda does in a function's name: read its queue, and keep what it cannot work on. All of it is granted,
/// on that queue alone.
fn without_lambdas_own(function: &str, mut rights: Rights) -> Rights {
    if let Some(queue) = dead_letters(function) {
        assert!(rights.remove(&format!("sqs:SendMessage {queue}")), "{function} lacks sqs:SendMessage on {queue}");
    }
    each_resource("AWS::Lambda::EventSourceMapping", |_, mapping| {
        let queue = strings(mapping.as_mapping_get("EventSourceArn").unwrap())[0].replace(".Arn", "");
        if strings(mapping.as_mapping_get("FunctionName").unwrap()) == [function] {
            for action in POLLING {
                assert!(rights.remove(&format!("{action} {queue}")), "{function} lacks {action} on {queue}");
            }
        }
    });
    rights
}

#[test]
fn a_function_is_granted_the_actions_that_its_binary_can_call_and_no_other() {
    let granted = granted();
    assert!(granted.len() >= 5, "{granted:?}");
    for (function, rights) in granted {
        let rights = without_lambdas_own(&function, rights);
        let actions: Rights = rights.iter().map(|right| action(right).to_owned()).collect();
        assert_eq!(actions, called_by_binary(&function), "{function}: granted, and in its binary");
    }
}

/// The binary does not tell which table a call is for; a tour through all that the functions do does. The local stack
/// refuses what is not granted, in this test and in all others.
#[tokio::test]
async fn each_function_is_granted_only_what_it_uses_on_each_table() {
    let stack = start_with_all_kinds().await;
    tour_of_endpoints(&stack).await;
    tour_of_later(&stack).await;
    tour_of_ingest(&stack).await;
    tour_of_shares(&stack).await;
    tour(&stack).await;
    let mut used: BTreeMap<String, Rights> = BTreeMap::new();
    for call in stack.calls().await {
        let rights = call["rights"].as_array().unwrap();
        let rights = rights.iter().map(|r| right(r["action"].as_str().unwrap(), r["resource"].as_str().unwrap()));
        used.entry(call["function"].as_str().unwrap().to_owned()).or_default().extend(rights);
    }
    for (function, granted) in granted() {
        let used = used.remove(&function).unwrap_or_default();
        assert_eq!(without_lambdas_own(&function, granted), used, "{function}: granted, and used in the tour");
    }
}

/// Schedules, delivers and sweeps by every way once.
async fn tour_of_later(stack: &Stack) {
    stack.stop_sweeps().await;
    let claims = json!({"sub": "alice", "publish": ["*"]});
    let mut alice = stack.connect_with(&claims).await;
    let daves_end = in_an_hour() - 3600 + 2;
    let _dave = stack.connect_with(&json!({"sub": "dave", "exp": daves_end})).await;
    let publish = json!({"action": "publish", "to": "user:alice", "body": "x", "delay": "1s", "key": "later"});
    for _ in 0..2 {
        let (_, answer) = alice.ask(publish.clone()).await;
        assert!(answer["deliver_at"].is_string(), "{answer}");
    }
    alice.item().await;
    let later = async |channel: &str| schedule(stack, &json!({"to": channel, "body": "x", "delay": "1h"})).await.0;
    let (cancelled, _) = (later("user:alice").await, look(stack, &later("user:alice").await).await);
    cancel(stack, &cancelled).await;

    // Deliver: a log that is about to expire, a connection that is gone and one whose token has ended, and series.
    stack.send("topic:later", "x").await;
    stack.expire("topic:later", 1, in_an_hour() - 3600 + 7 * 60).await;
    let there = stack.sockets().await;
    let _carol = stack.connect("carol").await;
    let gone = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
    age(stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", gone.replace('=', "%3D")), None).await;
    let failure = json!({"on": "dynamodb.GetItem", "function": "Deliver", "do": {"error": "ValidationException"}});
    stack.fault(failure).await;
    stack.until("dave's token has ended", || async { in_an_hour() - 3600 > daves_end }).await;
    for channel in ["topic:later", "user:carol", "user:dave"] {
        let id = make_due(stack, &later(channel).await, now(), json!({})).await;
        wake(stack, &id).await;
        stack.until("it is sent", || async { look(stack, &id).await["state"] == "sent" }).await;
    }
    let yearly = json!({"to": "user:alice", "body": "x", "repeat": "0 0 1 1 *"});
    let (first, second) = (schedule(stack, &yearly).await.0, schedule(stack, &yearly).await.0);
    let fired = make_series_due(stack, &first, now(), json!({})).await;
    let part = row(stack, row(stack, &second).await["current"]["S"].as_str().unwrap()).await["series"].clone();
    // One that failed, so that its series went on, and that is sent again: it asks whether the series still goes on.
    let mut went_on = part;
    went_on["M"]["next"] = json!({"S": fired});
    let again = make_series_due(stack, &second, now(), json!({"series": went_on})).await;
    let minutely = schedule(stack, &json!({"to": "user:alice", "body": "x", "repeat": "* * * * *"})).await.0;
    let soon = make_series_due(stack, &minutely, now(), json!({})).await;
    for id in [&fired, &again, &soon] {
        wake(stack, id).await;
        stack.until("it is sent", || async { look(stack, id).await["state"] == "sent" }).await;
    }
    cancel(stack, &minutely).await;

    // Sweeper: one that is due soon, and one that was due nine minutes ago.
    make_due(stack, &later("user:alice").await, now() + 60_000, json!({})).await;
    make_due(stack, &later("user:alice").await, now() - 9 * 60_000, json!({"queued": {"BOOL": true}})).await;
    stack.sweep().await;
}

/// A stack in which every kind of endpoint is switched on.
async fn start_with_all_kinds() -> Stack {
    let parameters = [
        "PlatformApplicationArns=arn:aws:sns:us-east-1:123456789012:app/GCM/shop",
        "ConnectionsPerUser=5",
        "SmsDailyCap=10",
        "EmailDailyCap=10",
        "EmailFrom=news@example.com",
    ];
    let arguments = parameters.iter().flat_map(|parameter| ["--parameter", parameter]).chain(LOOPBACK.iter().copied());
    let stack = Stack::start_with(&arguments.collect::<Vec<_>>()).await;
    // For each function that sends, a channel of its tour.
    for channel in ["topic:later", "topic:ingest", "topic:a", "topic:sooner"] {
        stack.add_endpoint(channel, &json!({"kind": "sms", "phone": "+4915112345678"})).await;
    }
    stack
}

/// Has endpoints of every kind, with everything that can come of an attempt.
async fn tour_of_endpoints(stack: &Stack) {
    let receiver = Receiver::start().await;
    let unavailable = || Reply::Status(503, Some(("retry-after", "3600".to_owned())), "");
    let channel = "user:frank";
    let (id, _) = stack.add_webhook(channel, &receiver.url).await;
    let failure = json!({"on": "dynamodb.GetItem", "function": "Attempt", "do": {"error": "ValidationException"}});
    stack.fault(failure).await;
    receiver.then([Reply::status(500), unavailable(), Reply::status(500), Reply::status(204), Reply::status(410)]);
    for (attempts, body) in [(1, "again by the queue"), (2, "again by the schedule")] {
        stack.post(&json!({"to": channel, "body": body})).await;
        stack.attempts(channel, &id, attempts).await;
    }
    // One that has failed for six days.
    let table = stack.table("Subscribers").await;
    let rows = stack.rows("Subscribers").await;
    let row = rows.iter().find(|row| row["id"]["S"] == id.as_str()).unwrap();
    let since = ((in_an_hour() - 3600 - 6 * 24 * 3600) * 1000).to_string();
    stack
        .dynamodb(
            "UpdateItem",
            &json!({
                "TableName": table,
                "Key": {"channel": row["channel"], "subscriber": row["subscriber"]},
                "UpdateExpression": "SET failing_since = :since",
                "ExpressionAttributeValues": {":since": {"N": since}},
            }),
        )
        .await;
    stack.post(&json!({"to": channel, "body": "disabled"})).await;
    let disabled = || async { stack.endpoint(channel, &id).await["state"] == "disabled" };
    stack.until("it is disabled", disabled).await;
    stack.do_with_endpoint(channel, &id, "rotate", None).await;
    stack.do_with_endpoint(channel, &id, "replay", Some(json!({"seq": 3}))).await;
    stack.attempts(channel, &id, 4).await;
    stack.post(&json!({"to": channel, "body": "for nobody"})).await;
    let gone = || async { stack.channel(channel).await["endpoints"] == 0 };
    stack.until("it is removed", gone).await;

    let target = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/shop/00000000-0000-0000-0000-000000000000";
    let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let subscription = json!({"endpoint": receiver.url, "keys": {"p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg"}});
    for fields in [
        json!({"kind": "sms", "phone": "+4915112345678"}),
        json!({"kind": "email", "address": "frank@example.com"}),
        json!({"kind": "mobile_push", "target_arn": target}),
        json!({"kind": "web_push", "subscription": subscription}),
    ] {
        stack.add_endpoint(channel, &fields).await;
    }
    // SNS refuses the text for good, and knows of no such phone.
    stack.fault(json!({"on": "sns.Publish", "times": 0, "do": {"error": "InvalidParameter"}})).await;
    stack.post(&json!({"to": channel, "title": "x", "body": "x"})).await;
    let refused = || async { stack.queue("EndpointDeadLetters").await["visible"].as_u64().unwrap() >= 1 };
    stack.until("what SNS refuses is a dead letter", refused).await;
    receiver.wait_for(6, PATIENCE).await;
    let mail = || async { !stack.control(Method::GET, "outbox", None).await.as_array().unwrap().is_empty() };
    stack.until("the mail has gone out", mail).await;
    stack.control(Method::DELETE, "faults", None).await;
    let path = format!("/v1/channels/{channel}/endpoints");
    let publisher = stack.publisher();
    let listed = stack.call(Method::GET, &path, Some(&publisher), &[], None).await;
    let id = listed.body["endpoints"][0]["id"].as_str().unwrap().to_owned();
    stack.call(Method::DELETE, &format!("{path}/{id}"), Some(&publisher), &[], None).await;
}

/// Sends by every function to one who gives no answer, until it is closed, and serves a range with one who is gone.
async fn tour_of_shares(stack: &Stack) {
    let claims = json!({"sub": "heidi", "publish": ["*"]});
    let mut heidi = stack.connect_with(&claims).await;
    let there = stack.sockets().await;
    let claims = json!({"sub": "grace", "subscribe": ["topic:*"], "channels": ["topic:slow"]});
    let mut grace = stack.connect_with(&claims).await;
    let slow = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
    age(stack, 60_000).await;
    stack.fault(json!({"on": "management.POST", "connection": slow, "times": 0, "do": {"close": true}})).await;
    stack.fault(json!({"on": "dynamodb.GetItem", "function": "Share", "do": {"error": "ValidationException"}})).await;
    tour_of_unstored_shares(stack, &mut heidi).await;
    let receiver = Receiver::start().await;
    add_slow_endpoint(stack, "topic:slow", &receiver).await;
    stack.send("topic:slow", "by send").await;
    stack.post(&json!({"to": "topic:slow", "body": "by deliver", "delay": "1s"})).await;
    heidi.ask(json!({"action": "publish", "to": "topic:slow", "body": "by message"})).await;
    let mut published = event("ingest");
    published["Records"][0]["Sns"]["Message"] = json!(json!({"to": "topic:slow", "body": "by ingest"}).to_string());
    published["Records"][0]["Sns"]["MessageAttributes"] = json!({});
    Function::start(stack, "Ingest").await.invoke(&published).await;
    stack.until("deliver has sent", || async { stack.channel("topic:slow").await["seq"] == 4 }).await;
    assert!(next_hastened(stack, &mut grace).await.is_err(), "it is closed");
    let there = stack.sockets().await;
    let _judy = stack.connect_with(&json!({"sub": "judy", "subscribe": ["topic:*"], "channels": ["topic:slow"]})).await;
    let gone = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
    age(stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", gone.replace('=', "%3D")), None).await;
    let mut range = event("share");
    range["Records"][0]["body"] = json!(json!({"v": 1, "channel": "topic:slow", "seq": 4, "range": {}}).to_string());
    Function::start(stack, "Share").await.invoke(&range).await;
}

/// Adds an endpoint that is known to be slow. An attempt in its own queue fails at first; then one comes by the other.
async fn add_slow_endpoint(stack: &Stack, channel: &str, receiver: &Receiver) {
    let (id, _) = stack.add_webhook(channel, &receiver.url).await;
    stack.slow_endpoint(channel, &id, in_an_hour() * 1000).await;
    let failure = json!({"on": "dynamodb.GetItem", "function": "Attempt", "do": {"error": "ValidationException"}});
    let message = json!({"v": 1, "channel": channel, "endpoint": id, "seq": 99, "attempt": 1}).to_string();
    stack.fault(failure).await;
    for queue in ["SlowEndpointsQueue", "EndpointsQueue"] {
        let url = stack.queue_url(queue).await;
        stack.aws_call("AmazonSQS.SendMessage", &json!({"QueueUrl": url, "MessageBody": message})).await;
        let failed = || async {
            stack.control(Method::GET, "faults", None).await.as_array().unwrap().last().unwrap()["fired"] == 1
        };
        stack.until("the one in its own queue fails", failed).await;
    }
}

/// Sends what is not stored, in every way, to a connection that takes nothing; one of its shares cannot be queued again.
async fn tour_of_unstored_shares(stack: &Stack, publisher: &mut Socket) {
    let failure = json!({"on": "sqs.SendMessageBatch", "function": "Share", "do": {"error": "InvalidMessageContents"}});
    stack.fault(failure).await;
    let unstored = |body: &str| json!({"to": "topic:slow", "body": body, "store": false});
    stack.post(&unstored("by send")).await;
    let mut frame = unstored("by message");
    frame["action"] = json!("publish");
    publisher.ask(frame).await;
    let mut published = event("ingest");
    let sns = &mut published["Records"][0]["Sns"];
    (sns["MessageId"], sns["Message"]) = (json!("unstored"), json!(unstored("by ingest").to_string()));
    sns["MessageAttributes"] = json!({});
    Function::start(stack, "Ingest").await.invoke(&published).await;
}

/// Publishes what goes to every kind of log, to somebody who is gone, and later.
async fn tour_of_ingest(stack: &Stack) {
    let published = async |id: &str, message: Value| {
        let mut published = event("ingest");
        let sns = &mut published["Records"][0]["Sns"];
        (sns["MessageId"], sns["Message"]) = (json!(id), json!(message.to_string()));
        sns["MessageAttributes"] = json!({});
        Function::start(stack, "Ingest").await.invoke(&published).await;
    };
    stack.send("topic:ingest", "x").await;
    stack.expire("topic:ingest", 1, in_an_hour() - 3600 + 7 * 60).await;
    let there = stack.sockets().await;
    let _erin = stack.connect("erin").await;
    let gone = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
    age(stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", gone.replace('=', "%3D")), None).await;
    let ivans_end = in_an_hour() - 3600 + 2;
    let mut ivan = stack.connect_with(&json!({"sub": "ivan", "exp": ivans_end})).await;
    stack.until("ivan's token has ended", || async { in_an_hour() - 3600 > ivans_end }).await;
    let to = ["topic:ingest", "topic:new-by-ingest", "user:erin", "user:ivan"];
    published("now", json!({"to": to, "body": "x"})).await;
    assert!(ivan.next_or_close().await.is_err(), "ingest closes a connection whose token has ended");
    for _ in 0..2 {
        published("later", json!({"to": "user:erin", "body": "x", "delay": "1s"})).await;
    }
}

/// Goes everywhere once.
async fn tour(stack: &Stack) {
    let everything = json!({"sub": "alice", "publish": ["*"], "subscribe": ["topic:*"], "channels": ["topic:a"]});
    let mut alice = stack.connect_with(&everything).await;
    let brief = json!({"sub": "bob", "exp": in_an_hour() - 3600 + 3});
    let mut bob = stack.connect_with(&brief).await;

    for frame in [
        json!({"action": "subscribe", "channel": "topic:b"}),
        json!({"action": "unsubscribe", "channel": "topic:b"}),
        json!({"action": "publish", "to": "topic:a", "body": "x"}),
        json!({"action": "publish", "to": "topic:a", "body": "y", "key": "k"}),
        json!({"action": "publish", "to": "user:alice", "body": "z"}),
        json!({"action": "read", "channel": "user:alice", "seq": 1}),
    ] {
        let (_, answer) = alice.ask(frame.clone()).await;
        assert_ne!(answer["type"], "error", "{frame}: {answer}");
    }
    stack.post(&json!({"to": ["user:alice", "topic:new"], "body": "x"})).await;
    stack.post_under("k", &json!({"to": "user:alice", "body": "x"})).await;
    let alices = stack.token(&everything);
    let read = Some(json!({"seq": 2}).to_string());
    stack.call(Method::POST, "/v1/channels/user:alice/read", Some(&alices), &[], read).await;
    stack.channel("user:alice").await;

    // One connection too many, when the oldest but one is gone: that one is forgotten, and the oldest closed.
    let there = stack.sockets().await;
    let mut kims = vec![stack.connect("kim").await];
    let gone = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
    for _ in 0..4 {
        kims.push(stack.connect("kim").await);
    }
    age(stack, 60_000).await;
    stack.control(Method::POST, &format!("sockets/{}/vanish", gone.replace('=', "%3D")), None).await;
    kims.push(stack.connect("kim").await);
    kims.push(stack.connect("kim").await);
    assert_eq!(kims[1].next().await["code"], "too_many_connections");

    // A poll that its reader pays for.
    for _ in 0..3 {
        stack.send("topic:large", &"x".repeat(30_000)).await;
    }
    poll(stack, &["topic:large:0".to_owned()], &[]).await;

    // Polls, of which one waits, and a ticket that is used.
    poll(stack, &["user:alice".to_owned(), "topic:a:9".to_owned()], &[]).await;
    poll(stack, &["topic:quiet:0".to_owned()], &[("wait", "1")]).await;
    let ticket = stack.call(Method::POST, "/v1/tickets", Some(&alices), &[], None).await;
    let ticket = ticket.body["ticket"].as_str().unwrap().to_owned();
    let _second = with_ticket(stack, &ticket).await.unwrap();

    // A log about to expire goes on by a transaction.
    let soon = in_an_hour() - 3600 + 7 * 60;
    for (channel, by_socket) in [("topic:soon", true), ("topic:sooner", false)] {
        stack.send(channel, "x").await;
        stack.expire(channel, 1, soon).await;
        if by_socket {
            alice.ask(json!({"action": "publish", "to": channel, "body": "x"})).await;
        } else {
            stack.send(channel, "x").await;
        }
    }

    // Posts to connections that are gone, by both functions that post.
    for by_socket in [false, true] {
        let there = stack.sockets().await;
        let claims = json!({"sub": "carol", "subscribe": ["topic:*"], "channels": ["topic:a"]});
        let _carol = stack.connect_with(&claims).await;
        let gone = stack.sockets().await.into_iter().find(|id| !there.contains(id)).unwrap();
        age(stack, 60_000).await;
        stack.control(Method::POST, &format!("sockets/{}/vanish", gone.replace('=', "%3D")), None).await;
        if by_socket {
            alice.ask(json!({"action": "publish", "to": "topic:a", "body": "x"})).await;
        } else {
            stack.send("topic:a", "x").await;
        }
    }
    // A frame after the token's end closes its connection; cutting a user's connections closes them.
    stack.until("bob's token has ended", || async { in_an_hour() - 3600 > brief["exp"].as_u64().unwrap() }).await;
    bob.send(&json!({"action": "subscribe", "channel": "user:bob"})).await;
    while bob.next_or_close().await.is_ok() {}
    stack.call(Method::DELETE, "/v1/users/alice/connections", Some(&alices), &[], None).await;
    while alice.next_or_close().await.is_ok() {}
    let left = || async { stack.channel("topic:a").await["connections"] == 0 };
    stack.until("all have left", left).await;
    // One that overtakes its `$connect` leaves a mark.
    events::deliver(stack, "Disconnect", "early=", events::now()).await;
}
