//! A request's content, checked as strictly as SNS checks it.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::super::protocol::{
    Failure,
    batch::{self, Wrong},
    query::items,
};
use crate::topics::Notice;

/// The bytes of a message with its attributes at most, and of all messages of a batch together.
pub(super) const SIZE_LIMIT: usize = 262_144;

/// The characters of a subject at most.
const SUBJECT: usize = 100;

/// The longest name of an attribute.
const NAME_LIMIT: usize = 256;

/// The protocol of functions in a structured message.
pub(super) const LAMBDA: &str = "lambda";

/// The receiver of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// The topic of this ARN, which may not exist.
    Topic(&'a str),
    /// The platform endpoint of this ARN, which may not exist.
    Endpoint(&'a str),
    /// The phone number, which may not be one.
    Phone(&'a str),
}

/// The receiver of a request's message.
pub(super) fn target(request: &Value) -> Result<Target<'_>, Failure> {
    let [topic, target, phone] = ["TopicArn", "TargetArn", "PhoneNumber"].map(|field| request[field].as_str());
    match (topic, target, phone) {
        (None, None, None) => Err(Failure::parameter("TopicArn or TargetArn Reason: no value for required parameter")),
        (None, None, Some(number)) => Ok(Target::Phone(number)),
        (None, Some(arn), None) if arn.contains(":endpoint/") => Ok(Target::Endpoint(arn)),
        (Some(arn), None, None) | (None, Some(arn), None) => Ok(Target::Topic(arn)),
        _ => Err(Failure::parameter("Only one of TopicArn, TargetArn and PhoneNumber may be given")),
    }
}

/// The message of a request or of a batch entry for this protocol, and the length of all of it with its attributes.
pub(super) fn notice(request: &Value, protocol: &str) -> Result<(Notice, usize), Failure> {
    let subject = subject(&request["Subject"])?;
    let message = request["Message"].as_str().unwrap_or_default();
    if message.is_empty() {
        return Err(Failure::parameter("Empty message"));
    }
    if request["MessageDeduplicationId"].is_string() {
        let why = "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not \
                   valid for this topic type";
        return Err(Failure::parameter(why));
    }
    let (attributes, size) = attributes(&request["MessageAttributes"]["entry"])?;
    let length = message.len() + size;
    let message = match request["MessageStructure"].as_str() {
        None => message.to_owned(),
        Some("json") => for_protocol(message, protocol)?,
        Some(_) => return Err(Failure::parameter("Invalid message structure. Must be json")),
    };
    Ok((Notice { subject, message, attributes }, length))
}

fn subject(subject: &Value) -> Result<Option<String>, Failure> {
    let Some(subject) = subject.as_str() else { return Ok(None) };
    if !(1..=SUBJECT).contains(&subject.chars().count()) || subject.chars().any(char::is_control) {
        return Err(Failure::parameter("Subject"));
    }
    Ok(Some(subject.to_owned()))
}

/// The text for one protocol, from a message with a text for each. As on AWS, an entry that is no text counts as missing, but
/// `default` must be a text.
fn for_protocol(message: &str, protocol: &str) -> Result<String, Failure> {
    let by_protocol: Map<String, Value> = serde_json::from_str(message)
        .map_err(|_| Failure::parameter("Message Structure - JSON message body failed to parse"))?;
    let told = |protocol: &str| by_protocol.get(protocol).and_then(Value::as_str);
    let default = told("default")
        .ok_or_else(|| Failure::parameter("Message Structure - No default entry in JSON message body"))?;
    Ok(told(protocol).unwrap_or(default).to_owned())
}

/// A message's attributes as its receivers see them, and their length together.
fn attributes(entries: &Value) -> Result<(Map<String, Value>, usize), Failure> {
    let (mut attributes, mut size) = (Map::new(), 0);
    for entry in items(entries) {
        let (name, value) = (entry["Name"].as_str().unwrap_or_default(), &entry["Value"]);
        let kind = value["DataType"].as_str().unwrap_or_default();
        if !is_name(name) {
            let rules = "it must have 1 to 256 letters, digits, hyphens, underscores and dots, with no dot at either \
                         end or beside another";
            return Err(Failure::attribute(format!("Invalid message attribute name '{name}': {rules}.")));
        }
        let text = attribute(name, kind, value)?;
        size += name.len() + kind.len();
        // In base64, four characters stand for three bytes.
        size += if kind.starts_with("Binary") { text.len() / 4 * 3 } else { text.len() };
        attributes.insert(name.to_owned(), json!({ "Type": kind, "Value": text }));
    }
    Ok((attributes, size))
}

/// An attribute's value, which must fit its type.
fn attribute<'a>(name: &str, kind: &str, value: &'a Value) -> Result<&'a str, Failure> {
    let field = match kind.split('.').next() {
        Some("String" | "Number") => "StringValue",
        Some("Binary") => "BinaryValue",
        _ => {
            return Err(Failure::attribute(format!(
                "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
            )));
        }
    };
    let text = value[field].as_str().filter(|text| !text.is_empty()).ok_or_else(|| {
        Failure::attribute(format!(
            "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{kind}'."
        ))
    })?;
    if kind.starts_with("Number") && text.parse::<f64>().is_err() {
        return Err(Failure::attribute(format!("Could not cast message attribute '{name}' value to number.")));
    }
    if field == "BinaryValue" && BASE64_STANDARD.decode(text).is_err() {
        return Err(Failure::attribute(format!("The message attribute '{name}' is not in base64.")));
    }
    Ok(text)
}

fn is_name(name: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    name.len() <= NAME_LIMIT && name.chars().all(fits) && name.split('.').all(|part| !part.is_empty())
}

/// The entries of a batch, by their ids.
pub(super) fn entries(request: &Value) -> Result<Vec<(&str, &Value)>, Failure> {
    batch::entries(items(&request["PublishBatchRequestEntries"]["member"]), |wrong| match wrong {
        Wrong::Empty => "The batch request doesn't contain any entries.".to_owned(),
        Wrong::TooMany(_) => "The batch request contains more entries than permissible.".to_owned(),
        Wrong::Repeated(_) => "Two or more batch entries in the request have the same Id.".to_owned(),
        Wrong::Id(wrong) => format!(
            "The Id of a batch entry in the batch request is too long or contains an impermissible character: {wrong}"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request with these attributes: name, type, field and value.
    fn with_attributes(attributes: &[[&str; 4]]) -> Value {
        let entries = attributes.iter().enumerate().map(|(number, [name, kind, field, value])| {
            let entry = json!({"Name": name, "Value": {"DataType": kind, *field: value}});
            (number.to_string(), entry)
        });
        json!({"Message": "m", "MessageAttributes": {"entry": entries.collect::<Map<_, _>>()}})
    }

    #[test]
    fn a_message_is_taken_only_as_sns_takes_it() {
        let structured = |message: &str| json!({"Message": message, "MessageStructure": "json"});
        for (wrong, says) in [
            (json!({}), "Empty message"),
            (json!({"Message": "m", "Subject": ""}), "Subject"),
            (json!({"Message": "m", "Subject": "x".repeat(101)}), "Subject"),
            (json!({"Message": "m", "Subject": "a\nb"}), "Subject"),
            (json!({"Message": "m", "MessageStructure": "xml"}), "Must be json"),
            (json!({"Message": "m", "MessageDeduplicationId": "x"}), "MessageDeduplicationId"),
            (structured("{"), "failed to parse"),
            (structured(r#"{"lambda": "x"}"#), "No default entry"),
            (structured(r#"{"default": 1}"#), "No default entry"),
            (with_attributes(&[["a b", "String", "StringValue", "x"]]), "'a b'"),
            (with_attributes(&[["a..b", "String", "StringValue", "x"]]), "'a..b'"),
            (with_attributes(&[["", "String", "StringValue", "x"]]), "''"),
            (with_attributes(&[["a", "Text", "StringValue", "x"]]), "invalid message attribute type"),
            (with_attributes(&[["a", "String", "StringValue", ""]]), "non-empty"),
            (with_attributes(&[["a", "Binary", "StringValue", "x"]]), "non-empty"),
            (with_attributes(&[["a", "Binary", "BinaryValue", "?"]]), "base64"),
            (with_attributes(&[["a", "Number", "StringValue", "x"]]), "to number"),
        ] {
            let failure = notice(&wrong, LAMBDA).expect_err("SNS takes no such thing");
            assert!(format!("{failure:?}").contains(says), "{failure:?}");
        }
    }

    #[test]
    fn a_message_is_told_with_its_attributes_and_its_length() {
        let mut request =
            with_attributes(&[["a", "Number", "StringValue", "1.5"], ["b", "Binary", "BinaryValue", "AAAA"]]);
        request["Subject"] = json!("é".repeat(100));
        let (told, length) = notice(&request, LAMBDA).expect("a message");
        assert_eq!(told.attributes["a"], json!({"Type": "Number", "Value": "1.5"}));
        assert_eq!(told.attributes["b"], json!({"Type": "Binary", "Value": "AAAA"}));
        assert_eq!(length, 1 + "aNumber1.5".len() + "bBinary".len() + 3);
        assert_eq!(told.subject.map(|subject| subject.chars().count()), Some(100));
    }

    #[test]
    fn each_protocol_may_be_told_something_of_its_own() {
        let told = |protocol: &str, message: &str| {
            notice(&json!({"Message": message, "MessageStructure": "json"}), protocol).map(|it| it.0.message)
        };
        assert_eq!(told(LAMBDA, r#"{"default": "a", "lambda": "b"}"#), Ok("b".to_owned()));
        assert_eq!(told(LAMBDA, r#"{"default": "a", "lambda": 1, "sms": "c"}"#), Ok("a".to_owned()));
        assert_eq!(told("sms", r#"{"default": "a", "lambda": 1, "sms": "c"}"#), Ok("c".to_owned()));
    }

    #[test]
    fn a_batch_has_some_entries_with_ids_of_their_own() {
        let batch = |ids: &[&str]| {
            let members = ids.iter().enumerate().map(|(number, id)| (number.to_string(), json!({"Id": id})));
            let request = json!({"PublishBatchRequestEntries": {"member": members.collect::<Map<_, _>>()}});
            entries(&request).map(|entries| entries.len()).map_err(|failure| format!("{failure:?}"))
        };
        for (ids, says) in [
            (&[][..], "EmptyBatchRequest"),
            (&["a"; 11][..], "TooManyEntriesInBatchRequest"),
            (&["a", "b", "a"][..], "BatchEntryIdsNotDistinct"),
            (&["a", "b c"][..], "InvalidBatchEntryId"),
            (&[""][..], "InvalidBatchEntryId"),
        ] {
            assert!(batch(ids).expect_err("it is no batch").contains(says), "{says}");
        }
        assert_eq!(batch(&["a", "b_2", "c-3"]), Ok(3));
    }

    #[test]
    fn a_message_is_for_a_topic_an_endpoint_or_a_phone() {
        let endpoint = "arn:aws:sns:us-east-1:1:endpoint/GCM/a/b";
        assert_eq!(target(&json!({"TargetArn": "arn:t"})), Ok(Target::Topic("arn:t")));
        assert_eq!(target(&json!({"TargetArn": endpoint})), Ok(Target::Endpoint(endpoint)));
        assert_eq!(target(&json!({"PhoneNumber": "+1"})), Ok(Target::Phone("+1")));
        for (wrong, says) in [
            (json!({}), "no value for required parameter"),
            (json!({"PhoneNumber": "+1", "TopicArn": "arn:t"}), "Only one"),
            (json!({"TargetArn": endpoint, "TopicArn": "arn:t"}), "Only one"),
        ] {
            assert!(format!("{:?}", target(&wrong)).contains(says));
        }
    }
}
