use http_body_util::BodyExt;

use super::*;
use crate::{platforms::tests::registered, topics::tests::topics};

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:t";

fn sns(fault: Option<Value>) -> Sns {
    let platforms = Platforms::open(None).expect("platforms in memory");
    Sns { topics: Arc::new(topics(fault)), platforms, outbox: Arc::default() }
}

/// The status and the body of the answer to a form.
async fn call(sns: &Sns, form: &str) -> (u16, String) {
    let request = query::parameters(form.as_bytes());
    let response = sns.answer(request["Action"].as_str().expect("an action"), &request);
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body");
    (status, String::from_utf8(body.to_bytes().to_vec()).expect("text"))
}

fn batch(entries: &[(&str, &str)]) -> String {
    let mut form = format!("Action=PublishBatch&TopicArn={ARN}");
    for (number, (id, message)) in entries.iter().enumerate() {
        let entry = format!("PublishBatchRequestEntries.member.{}", number + 1);
        form.push_str(&format!("&{entry}.Id={id}&{entry}.Message={message}"));
    }
    form
}

#[tokio::test]
async fn a_message_is_published() {
    let sns = sns(None);
    for target in ["TopicArn", "TargetArn"] {
        let (status, answer) = call(&sns, &format!("Action=Publish&{target}={ARN}&Message=hello")).await;
        assert_eq!(status, 200);
        assert!(answer.contains("<PublishResult><MessageId>"), "{answer}");
    }
    assert_eq!(sns.topics.describe()[0]["published"], 2);
}

#[tokio::test]
async fn what_sns_would_refuse_is_refused() {
    let sns = sns(None);
    let long = "x".repeat(SIZE_LIMIT + 1);
    for (form, status, code) in [
        ("Action=Publish&Message=m".to_owned(), 400, "InvalidParameter"),
        ("Action=Publish&Message=m&TopicArn=t".to_owned(), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}"), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}&Message={long}"), 400, "InvalidParameter"),
        (format!("Action=Publish&TopicArn={ARN}x&Message=m"), 404, "NotFound"),
        (batch(&[]), 400, "EmptyBatchRequest"),
        (batch(&[("a", "m"), ("a", "m")]), 400, "BatchEntryIdsNotDistinct"),
        (batch(&[("a", &long[..SIZE_LIMIT]), ("b", "m")]), 400, "BatchRequestTooLong"),
        (batch(&[("a", "m"), ("b", "")]), 400, "InvalidParameter"),
        (format!("Action=GetTopicAttributes&TopicArn={ARN}x"), 404, "NotFound"),
        (format!("Action=ListSubscriptionsByTopic&TopicArn={ARN}x"), 404, "NotFound"),
        ("Action=CreateTopic&Name=t".to_owned(), 400, "InvalidAction"),
    ] {
        let (told, answer) = call(&sns, &form).await;
        assert_eq!(told, status, "{answer}");
        assert!(answer.contains(&format!("<Code>{code}</Code>")), "{answer}");
    }
    assert_eq!(sns.topics.describe()[0]["published"], 0);
}

#[tokio::test]
async fn a_batch_may_fail_in_part() {
    let sns = sns(Some(json!({"on": "topic.T", "skip": 1, "do": {"error": "InternalError"}})));
    let (status, answer) = call(&sns, &batch(&[("a", "m"), ("b", "m"), ("c", "m")])).await;
    assert_eq!(status, 200);
    for part in ["<Id>a</Id><MessageId>", "<Id>c</Id><MessageId>", "<Code>InternalError</Code><Id>b</Id>"] {
        assert!(answer.contains(part), "{answer}");
    }
    assert!(answer.contains("<SenderFault>false</SenderFault>"), "{answer}");
    assert_eq!(sns.topics.describe()[0]["published"], 2);
}

#[tokio::test]
async fn topics_and_subscriptions_are_told() {
    let sns = sns(None);
    let told = async |form: String| call(&sns, &form).await.1;
    assert!(told("Action=ListTopics".to_owned()).await.contains(&format!("<TopicArn>{ARN}</TopicArn>")));
    let attributes = told(format!("Action=GetTopicAttributes&TopicArn={ARN}")).await;
    assert!(attributes.contains("<key>SubscriptionsConfirmed</key><value>1</value>"), "{attributes}");
    for form in ["Action=ListSubscriptions".to_owned(), format!("Action=ListSubscriptionsByTopic&TopicArn={ARN}")] {
        let subscriptions = told(form).await;
        assert!(subscriptions.contains("<Endpoint>arn:f</Endpoint>"), "{subscriptions}");
        assert!(subscriptions.contains("<Protocol>lambda</Protocol>"), "{subscriptions}");
    }
}

#[test]
fn a_batch_needs_the_right_of_the_single_operation() {
    let needs = |operation: &str| rights(operation, &json!({"TopicArn": ARN})).pop().map(|it| (it.action, it.resource));
    let publish = Some(("sns:Publish".to_owned(), ARN.to_owned()));
    assert_eq!((needs("Publish"), needs("PublishBatch")), (publish.clone(), publish));
    assert_eq!(needs("ListTopics"), Some(("sns:ListTopics".to_owned(), "*".to_owned())));
    assert_eq!(needs("CreateTopic"), None);
}

const ENDPOINT: &str = "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/App/x";

/// A form: each name with its value.
fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The text between an element's tags.
fn text<'a>(xml: &'a str, element: &str) -> &'a str {
    let after = xml.split_once(&format!("<{element}>")).map(|(_, after)| after).unwrap_or_default();
    after.split_once(&format!("</{element}>")).map(|(inside, _)| inside).unwrap_or_default()
}

#[tokio::test]
async fn a_device_is_registered_read_changed_and_forgotten() {
    let sns = sns(None);
    let create = [
        ("Action", "CreatePlatformApplication"),
        ("Platform", "GCM"),
        ("Name", "App"),
        ("Attributes.entry.1.key", "PlatformCredential"),
        ("Attributes.entry.1.value", "key"),
    ];
    let (_, answer) = call(&sns, &form(&create)).await;
    let application = text(&answer, "PlatformApplicationArn").to_owned();
    assert_eq!(application, "arn:aws:sns:us-east-1:123456789012:app/GCM/App");
    let create = [
        ("Action", "CreatePlatformEndpoint"),
        ("PlatformApplicationArn", &application),
        ("Token", "device"),
        ("CustomUserData", "alice"),
    ];
    let (_, answer) = call(&sns, &form(&create)).await;
    let endpoint = text(&answer, "EndpointArn").to_owned();
    assert!(endpoint.starts_with("arn:aws:sns:us-east-1:123456789012:endpoint/GCM/App/"), "{answer}");
    assert_eq!(text(&call(&sns, &form(&create)).await.1, "EndpointArn"), endpoint);
    let set = [
        ("Action", "SetEndpointAttributes"),
        ("EndpointArn", &endpoint),
        ("Attributes.entry.1.key", "Enabled"),
        ("Attributes.entry.1.value", "false"),
        ("Attributes.entry.2.key", "Token"),
        ("Attributes.entry.2.value", "other"),
    ];
    assert_eq!(call(&sns, &form(&set)).await.0, 200);
    let get = form(&[("Action", "GetEndpointAttributes"), ("EndpointArn", &endpoint)]);
    let (_, told) = call(&sns, &get).await;
    for (key, value) in [("Enabled", "false"), ("Token", "other"), ("CustomUserData", "alice")] {
        assert!(told.contains(&format!("<key>{key}</key><value>{value}</value>")), "{told}");
    }
    let delete = form(&[("Action", "DeleteEndpoint"), ("EndpointArn", &endpoint)]);
    assert_eq!((call(&sns, &delete).await.0, call(&sns, &delete).await.0), (200, 200));
    let (status, told) = call(&sns, &get).await;
    assert_eq!((status, text(&told, "Code")), (404, "NotFound"));
}

#[tokio::test]
async fn a_push_is_in_the_outbox_as_its_platform_would_get_it() {
    let sns = sns(None);
    let (apns, gcm) = (registered(&sns.platforms, "APNS"), registered(&sns.platforms, "GCM"));
    let message = json!({"default": "hello", "APNS": r#"{"aps":{"alert":"hello","badge":3}}"#}).to_string();
    for arn in [&apns, &gcm] {
        let publish = [
            ("Action", "Publish"),
            ("TargetArn", arn),
            ("Message", &message),
            ("MessageStructure", "json"),
            ("Subject", "About"),
            ("MessageAttributes.entry.1.Name", "AWS.SNS.MOBILE.APNS.PUSH_TYPE"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "alert"),
        ];
        let (status, answer) = call(&sns, &form(&publish)).await;
        assert_eq!(status, 200, "{answer}");
    }
    let sent = sns.outbox.describe();
    let platform = json!({"name": "APNS", "application": "App", "token": "device"});
    let attributes = json!({"AWS.SNS.MOBILE.APNS.PUSH_TYPE": {"Type": "String", "Value": "alert"}});
    for (field, is) in [
        ("kind", json!("mobile_push")),
        ("destination", json!(apns)),
        ("platform", platform),
        ("subject", json!("About")),
        ("message", json!(r#"{"aps":{"alert":"hello","badge":3}}"#)),
        ("attributes", attributes),
    ] {
        assert_eq!(sent[0][field], is, "{field}");
    }
    assert_eq!((&sent[1]["message"], &sent[1]["request"]["Message"]), (&json!("hello"), &json!(message)));
}

#[tokio::test]
async fn an_sms_is_in_the_outbox() {
    let sns = sns(None);
    let publish = |message: &str, structure: &[(&str, &str)]| {
        form(&[&[("Action", "Publish"), ("PhoneNumber", "+15550100"), ("Message", message)], structure].concat())
    };
    assert_eq!(call(&sns, &publish(&"é".repeat(1600), &[])).await.0, 200);
    let structured = publish(r#"{"default": "long", "sms": "short"}"#, &[("MessageStructure", "json")]);
    assert_eq!(call(&sns, &structured).await.0, 200);
    let sent = sns.outbox.describe();
    assert_eq!((&sent[0]["kind"], &sent[0]["destination"]), (&json!("sms"), &json!("+15550100")));
    assert_eq!((&sent[1]["message"], &sent[1]["platform"]), (&json!("short"), &Value::Null));
    let (status, answer) = call(&sns, &publish(&"é".repeat(1601), &[])).await;
    assert_eq!((status, text(&answer, "Code")), (400, "InvalidParameter"));
}

#[tokio::test]
async fn what_cannot_go_to_a_device_or_a_phone_is_refused() {
    let sns = sns(None);
    let (on, off) = (registered(&sns.platforms, "APNS"), registered(&sns.platforms, "GCM"));
    let disabled = crate::platforms::Settings { enabled: Some(false), ..Default::default() };
    sns.platforms.set(&off, disabled).expect("it is there");
    let application = "arn:aws:sns:us-east-1:123456789012:app/APNS/App";
    let with = |payload: &str| json!({"default": "m", "APNS": payload}).to_string();
    let (malformed, long) = (with("hello"), with(&json!({"aps": "x".repeat(4096)}).to_string()));
    let publish = |target, to, message| vec![("Action", "Publish"), (target, to), ("Message", message)];
    let structured = |message| [publish("TargetArn", &on, message), vec![("MessageStructure", "json")]].concat();
    let set = |key, value| {
        let entry = [("Attributes.entry.1.key", key), ("Attributes.entry.1.value", value)];
        [vec![("Action", "SetEndpointAttributes"), ("EndpointArn", &on)], entry.to_vec()].concat()
    };
    let data = "x".repeat(2049);
    for (fields, status, code, says) in [
        (publish("TargetArn", &off, "m"), 400, "EndpointDisabled", "Endpoint is disabled"),
        (publish("TargetArn", ENDPOINT, "m"), 400, "InvalidParameter", "No endpoint found"),
        (publish("TargetArn", &on, ""), 400, "InvalidParameter", "Empty message"),
        (structured(r#"{"APNS": "{}"}"#), 400, "InvalidParameter", "No default entry"),
        (structured("[]"), 400, "InvalidParameter", "failed to parse"),
        (structured(&malformed), 400, "InvalidParameter", "Notification is malformed"),
        (structured(&long), 400, "InvalidParameter", "Notification is too long"),
        (publish("PhoneNumber", "0555", "m"), 400, "InvalidParameter", "0555 is not valid to publish to"),
        (set("Enabled", "perhaps"), 400, "InvalidParameter", "Enabled"),
        (set("Colour", "red"), 400, "InvalidParameter", "Colour"),
        (set("CustomUserData", &data), 400, "InvalidParameter", "2048"),
        (vec![("Action", "SetEndpointAttributes"), ("EndpointArn", ENDPOINT)], 404, "NotFound", "does not exist"),
        (vec![("Action", "GetEndpointAttributes"), ("EndpointArn", ENDPOINT)], 404, "NotFound", "does not exist"),
        (
            vec![("Action", "CreatePlatformEndpoint"), ("PlatformApplicationArn", "arn:x"), ("Token", "t")],
            404,
            "NotFound",
            "PlatformApplication does not exist",
        ),
        (
            vec![("Action", "CreatePlatformEndpoint"), ("PlatformApplicationArn", application)],
            400,
            "InvalidParameter",
            "Token Reason",
        ),
        (
            vec![
                ("Action", "CreatePlatformEndpoint"),
                ("PlatformApplicationArn", application),
                ("Token", "device"),
                ("CustomUserData", "other"),
            ],
            400,
            "InvalidParameter",
            "already exists with the same Token, but different attributes",
        ),
        (
            vec![("Action", "CreatePlatformApplication"), ("Platform", "FAX"), ("Name", "App")],
            400,
            "InvalidParameter",
            "FAX",
        ),
        (
            vec![("Action", "CreatePlatformApplication"), ("Platform", "GCM"), ("Name", "App")],
            400,
            "InvalidParameter",
            "PlatformCredential",
        ),
    ] {
        let (told, answer) = call(&sns, &form(&fields)).await;
        assert_eq!((told, text(&answer, "Code")), (status, code), "{answer}");
        assert!(answer.contains(says), "{answer}");
    }
    assert_eq!(sns.outbox.describe(), json!([]));
}

#[test]
fn rights_are_for_what_is_sent_to_and_for_a_phone_those_to_all() {
    let needs = |operation: &str, request: Value| {
        rights(operation, &request).pop().map(|right| format!("{} {}", right.action, right.resource))
    };
    let endpoint = json!({"EndpointArn": ENDPOINT});
    for (operation, request, expected) in [
        ("Publish", json!({"TargetArn": ENDPOINT}), format!("sns:Publish {ENDPOINT}")),
        ("Publish", json!({"PhoneNumber": "+15550100"}), "sns:Publish *".to_owned()),
        ("CreatePlatformApplication", json!({}), "sns:CreatePlatformApplication *".to_owned()),
        (
            "CreatePlatformEndpoint",
            json!({"PlatformApplicationArn": "arn:a"}),
            "sns:CreatePlatformEndpoint arn:a".to_owned(),
        ),
        ("GetEndpointAttributes", endpoint.clone(), format!("sns:GetEndpointAttributes {ENDPOINT}")),
        ("SetEndpointAttributes", endpoint.clone(), format!("sns:SetEndpointAttributes {ENDPOINT}")),
        ("DeleteEndpoint", endpoint, format!("sns:DeleteEndpoint {ENDPOINT}")),
    ] {
        assert_eq!(needs(operation, request), Some(expected));
    }
}
