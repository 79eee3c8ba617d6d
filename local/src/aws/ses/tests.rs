use http_body_util::BodyExt;

use super::*;
use crate::faults::Action;

fn ses() -> Ses {
    Ses { outbox: Arc::default() }
}

/// The status and the body of an answer.
async fn told(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("a whole body");
    (status, serde_json::from_slice(&body.to_bytes()).expect("JSON"))
}

async fn send(ses: &Ses, request: Value) -> (u16, Value) {
    told(ses.answer("SendEmail", Ok(request))).await
}

fn email() -> Value {
    json!({
        "FromEmailAddress": "Some <from@example.com>",
        "Destination": { "ToAddresses": ["a@example.com", "b@example.com"] },
        "Content": { "Simple": {
            "Subject": { "Data": "Grüße", "Charset": "UTF-8" },
            "Body": { "Text": { "Data": "é" }, "Html": { "Data": "<p>é</p>", "Charset": "UTF-8" } },
            "Headers": [{ "Name": "List-Unsubscribe", "Value": "<https://example.com/>" }],
        }},
    })
}

#[tokio::test]
async fn an_email_is_in_the_outbox_as_it_would_arrive() {
    let ses = ses();
    let (status, answer) = send(&ses, email()).await;
    assert_eq!(status, 200, "{answer}");
    let sent = &ses.outbox.describe()[0];
    for (field, is) in [
        ("kind", json!("email")),
        ("message_id", answer["MessageId"].clone()),
        ("destination", json!("a@example.com, b@example.com")),
        ("from", json!("Some <from@example.com>")),
        ("subject", json!("Grüße")),
        // It names no character set.
        ("message", json!("?")),
        ("html", json!("<p>é</p>")),
        ("attributes", json!({"List-Unsubscribe": "<https://example.com/>"})),
        ("platform", Value::Null),
        ("request", email()),
    ] {
        assert_eq!(sent[field], is, "{field}");
    }
}

#[tokio::test]
async fn what_ses_would_refuse_is_refused() {
    let ses = ses();
    let many: Vec<String> = (0..51).map(|number| format!("{number}@example.com")).collect();
    for (pointer, wrong) in [
        ("/FromEmailAddress", Value::Null),
        ("/FromEmailAddress", json!("nobody")),
        ("/Destination/ToAddresses", json!([])),
        ("/Destination/ToAddresses", json!(["a@example.com", "b"])),
        ("/Destination/ToAddresses", json!(many)),
        ("/Content", json!({})),
        ("/Content/Simple", Value::Null),
        ("/Content/Simple/Subject", Value::Null),
        ("/Content/Simple/Subject/Data", json!("a\r\nBcc: x@example.com")),
        ("/Content/Simple/Body", json!({})),
        ("/Content/Simple/Body/Html/Charset", json!("EBCDIC")),
        ("/Content/Simple/Headers/0/Name", json!("a b")),
        ("/Content/Simple/Headers/0/Value", json!("a\nb")),
        ("/Content/Simple/Headers/0/Value", json!("x".repeat(996))),
    ] {
        let mut request = email();
        *request.pointer_mut(pointer).expect("a field") = wrong;
        let (status, answer) = send(&ses, request.clone()).await;
        assert_eq!((status, &answer["__type"]), (400, &json!("BadRequestException")), "{request}");
    }
    let (status, answer) = told(ses.answer("SendEmail", Err("no JSON".to_owned()))).await;
    assert_eq!((status, &answer["__type"]), (400, &json!("BadRequestException")));
    assert_eq!(ses.outbox.describe(), json!([]));
}

#[test]
fn the_path_says_what_is_asked_for() {
    assert_eq!(operation(&Method::POST, "/v2/email/outbound-emails"), "SendEmail");
    assert_eq!(operation(&Method::GET, "/v2/email/outbound-emails"), "");
    assert_eq!(operation(&Method::POST, "/v2/email/outbound-bulk-emails"), "");
    assert_eq!(ses().answer("", Ok(email())).status().as_u16(), 404);
}

#[test]
fn an_email_needs_the_right_to_its_senders_identity() {
    let needs = |request: &Value| -> Vec<String> {
        rights("SendEmail", request).into_iter().map(|right| format!("{} {}", right.action, right.resource)).collect()
    };
    let of_address = "ses:SendEmail arn:aws:ses:us-east-1:123456789012:identity/from@example.com";
    assert_eq!(needs(&email()), [of_address]);
    let set = "ses:SendEmail arn:aws:ses:us-east-1:123456789012:configuration-set/some";
    let mut request = email();
    request["ConfigurationSetName"] = json!("some");
    assert_eq!(needs(&request), [of_address, set]);
    request["FromEmailAddressIdentityArn"] = json!("arn:i");
    assert_eq!(needs(&request), ["ses:SendEmail arn:i", set]);
    assert!(rights("", &email()).is_empty());
}

#[tokio::test]
async fn an_error_has_the_status_that_ses_gives_it() {
    let error = |name: &str| ERRORS.fault(&Action::Error(name.to_owned()));
    for (response, status, name) in [
        (ERRORS.denied("no"), 403, "AccessDeniedException"),
        (error("MessageRejected"), 400, "MessageRejected"),
        (error("AccountSuspendedException"), 400, "AccountSuspendedException"),
        (ERRORS.fault(&Action::Status(429)), 429, "TooManyRequestsException"),
        (ERRORS.fault(&Action::Status(503)), 503, "InternalFailure"),
    ] {
        assert_eq!(response.headers()["x-amzn-errortype"], name);
        let (told, body) = told(response).await;
        assert_eq!((told, &body["__type"]), (status, &json!(name)));
    }
}
