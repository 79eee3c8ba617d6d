//! Events of objects in a bucket of S3.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{text, told};

/// The event as the fields of a notification; `None` if it does not come from S3.
pub(super) fn tell(event: &Value) -> Option<Map<String, Value>> {
    if text(event, "Event") == Some("s3:TestEvent") {
        let bucket = text(event, "Bucket")?;
        return Some(told(format!("S3: {bucket} is connected"), "Its events arrive here.".to_owned(), event.clone()));
    }
    let records = event["Records"].as_array()?;
    let objects = records.iter().map(object).collect::<Option<Vec<_>>>()?;
    let first = objects.first()?;
    let title = format!("{} in {}", first["event"].as_str()?, first["bucket"].as_str()?);
    let lines: Vec<_> = objects.iter().map(line).collect();
    Some(told(title, lines.join("\n"), json!({ "objects": objects })))
}

fn object(record: &Value) -> Option<Value> {
    if text(record, "eventSource") != Some("aws:s3") {
        return None;
    }
    let (bucket, object) = (text(&record["s3"]["bucket"], "name")?, &record["s3"]["object"]);
    Some(json!({
        "event": text(record, "eventName")?,
        "bucket": bucket,
        "key": key(text(object, "key")?),
        "size": object["size"],
        "at": record["eventTime"],
    }))
}

/// A key comes as in a form: `+` is a space.
fn key(encoded: &str) -> String {
    percent_decode_str(&encoded.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn line(object: &Value) -> String {
    let key = object["key"].as_str().unwrap_or_default();
    match object["size"].as_u64() {
        Some(size) => format!("{key} ({size} bytes)"),
        None => key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_comes_by_its_real_name() {
        let event = json!({"Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventTime": "2026-11-22T10:00:00.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "invoices"}, "object": {"key": "2026/M%C3%BCller+%2B+Co.pdf", "size": 1024}},
        }]});
        let fields = tell(&event).unwrap();
        assert_eq!(fields["title"], "ObjectCreated:Put in invoices");
        assert_eq!(fields["body"], "2026/Müller + Co.pdf (1024 bytes)");
        assert_eq!(fields["data"]["objects"][0]["bucket"], "invoices");
    }

    #[test]
    fn the_test_event_of_a_new_configuration_is_described_and_others_are_left_alone() {
        let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "invoices"});
        assert_eq!(tell(&test).unwrap()["title"], "S3: invoices is connected");
        assert!(tell(&json!({"Records": [{"eventSource": "aws:ses"}]})).is_none());
        assert!(tell(&json!({"Records": []})).is_none());
    }
}
