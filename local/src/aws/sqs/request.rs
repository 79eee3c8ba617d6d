//! A request's content, checked as strictly as SQS checks it.

use std::{ops::RangeInclusive, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::super::protocol::{
    Failure,
    batch::{self, ENTRIES, Wrong},
};
use crate::queues::{Handle, Letter};

/// The bytes of a message at most, and of all messages of a batch together.
pub(super) const SIZE_LIMIT: usize = 1_048_576;

/// The attributes of a message at most.
const ATTRIBUTES: usize = 10;

/// The name at the end of a queue's URL or ARN.
pub(super) fn name_in(address: &str) -> &str {
    address.rsplit(['/', ':']).next().unwrap_or(address)
}

/// A parameter that must be there, and not empty.
pub(super) fn text<'a>(request: &'a Value, parameter: &str) -> Result<&'a str, Failure> {
    request[parameter].as_str().filter(|text| !text.is_empty()).ok_or_else(|| Failure::missing(parameter))
}

/// A number that may be missing and must be in a range; `reason` is SQS's message if it is not.
pub(super) fn number(
    request: &Value,
    parameter: &str,
    range: RangeInclusive<u64>,
    reason: &str,
) -> Result<Option<u64>, Failure> {
    let value = &request[parameter];
    if value.is_null() {
        return Ok(None);
    }
    let number = value.as_u64().filter(|number| range.contains(number));
    number.map(Some).ok_or_else(|| Failure::value(value, parameter, reason))
}

/// The time for which a message is to be hidden.
pub(super) fn visibility(request: &Value) -> Result<Option<Duration>, Failure> {
    let reason = "Must be between 0 and 43200, if provided";
    let seconds = number(request, "VisibilityTimeout", 0..=43_200, reason)?;
    Ok(seconds.map(Duration::from_secs))
}

/// The handle of a message.
pub(super) fn handle(request: &Value) -> Result<Handle, Failure> {
    let text = text(request, "ReceiptHandle")?;
    let wrong = || {
        Failure::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{text}\" is not a valid receipt handle."),
        )
    };
    Handle::read(text).ok_or_else(wrong)
}

/// The message of a request or of a batch entry.
pub(super) fn letter(request: &Value) -> Result<Letter, Failure> {
    let body = text(request, "MessageBody")?;
    if !body.chars().all(may_be_sent) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | \
                       #xE000 to #xFFFD | #x10000 to #x10FFFF";
        return Err(Failure::new("InvalidMessageContents", message));
    }
    let attributes = attributes(&request["MessageAttributes"])?;
    let delay = number(request, "DelaySeconds", 0..=900, "DelaySeconds must be >= 0 and <= 900.")?;
    if size(request) > SIZE_LIMIT {
        let message =
            format!("One or more parameters are invalid. Reason: Message must be shorter than {SIZE_LIMIT} bytes.");
        return Err(Failure::invalid(message));
    }
    let delay = delay.map(Duration::from_secs);
    Ok(Letter { body: body.to_owned(), attributes, delay, group: group(request)? })
}

/// The message group, by which a standard queue is fair.
fn group(request: &Value) -> Result<Option<String>, Failure> {
    let value = &request["MessageGroupId"];
    if value.is_null() {
        return Ok(None);
    }
    let may_be = |text: &&str| (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let group = value.as_str().filter(may_be);
    let reason = "MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length.";
    group.map(|group| Some(group.to_owned())).ok_or_else(|| Failure::value(value, "MessageGroupId", reason))
}

fn may_be_sent(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

fn attributes(sent: &Value) -> Result<Map<String, Value>, Failure> {
    let attributes = sent.as_object().cloned().unwrap_or_default();
    if attributes.len() > ATTRIBUTES {
        let message =
            format!("Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES}].", attributes.len());
        return Err(Failure::invalid(message));
    }
    for (name, attribute) in &attributes {
        let field = match attribute["DataType"].as_str().unwrap_or_default().split('.').next() {
            Some("String" | "Number") => "StringValue",
            Some("Binary") => "BinaryValue",
            _ => {
                let message = format!(
                    "The type of message attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
                );
                return Err(Failure::invalid(message));
            }
        };
        if attribute[field].as_str().is_none_or(str::is_empty) {
            let message = format!("Message attribute '{name}' must contain a non-empty value of the type {field}.");
            return Err(Failure::invalid(message));
        }
    }
    Ok(attributes)
}

/// The size of a message: its body, and its attributes' names, types and values.
pub(super) fn size(request: &Value) -> usize {
    let text = |value: &Value| value.as_str().map_or(0, str::len);
    let binary = |value: &Value| BASE64_STANDARD.decode(value.as_str().unwrap_or_default()).map_or(0, |it| it.len());
    let attributes = request["MessageAttributes"].as_object().into_iter().flatten().map(|(name, attribute)| {
        name.len() + text(&attribute["DataType"]) + text(&attribute["StringValue"]) + binary(&attribute["BinaryValue"])
    });
    text(&request["MessageBody"]) + attributes.sum::<usize>()
}

/// The entries of a batch, by their ids.
pub(super) fn entries<'a>(request: &'a Value, kind: &str) -> Result<Vec<(&'a str, &'a Value)>, Failure> {
    let entries = request["Entries"].as_array().into_iter().flatten().collect();
    batch::entries(entries, |wrong| match wrong {
        Wrong::Empty => format!("There should be at least one {kind} in the request."),
        Wrong::TooMany(count) => {
            format!("Maximum number of entries per request are {ENTRIES}. You have sent {count}.")
        }
        Wrong::Id(_) => "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                         It can be at most 80 letters long."
            .to_owned(),
        Wrong::Repeated(id) => format!("Id {id} repeated."),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_taken_only_as_sqs_takes_it() {
        let long = "x".repeat(SIZE_LIMIT);
        let kind = json!({"DataType": "String", "StringValue": "x"});
        for (wrong, says) in [
            (json!({}), "the parameter MessageBody"),
            (json!({"MessageBody": ""}), "the parameter MessageBody"),
            (json!({"MessageBody": "a\u{1}"}), "Invalid characters"),
            (json!({"MessageBody": "a", "DelaySeconds": 901}), "Value 901 for parameter DelaySeconds"),
            (json!({"MessageBody": "a", "DelaySeconds": -1}), "Value -1 for parameter DelaySeconds"),
            (json!({"MessageBody": "a", "MessageGroupId": ""}), "for parameter MessageGroupId"),
            (json!({"MessageBody": "a", "MessageGroupId": "a b"}), "for parameter MessageGroupId"),
            (json!({"MessageBody": "a", "MessageGroupId": "x".repeat(129)}), "for parameter MessageGroupId"),
            (json!({"MessageBody": long, "MessageAttributes": {"kind": kind}}), "shorter than 1048576"),
            (json!({"MessageBody": "a", "MessageAttributes": {"kind": {"DataType": "Text"}}}), "'kind' is invalid"),
            (json!({"MessageBody": "a", "MessageAttributes": {"kind": {"DataType": "Number"}}}), "non-empty value"),
        ] {
            let failure = letter(&wrong).expect_err("SQS takes no such thing");
            assert!(format!("{failure:?}").contains(says), "{failure:?}");
        }
        let all = json!({"MessageBody": long, "DelaySeconds": 900, "MessageGroupId": "2bd806c97f0e00af"});
        let all = letter(&all).expect("just what fits");
        assert_eq!((all.delay, all.group.as_deref()), (Some(Duration::from_secs(900)), Some("2bd806c97f0e00af")));
    }

    #[test]
    fn a_batch_has_some_entries_with_ids_of_their_own() {
        let batch = |ids: &[&str]| {
            let request = json!({"Entries": ids.iter().map(|id| json!({"Id": id})).collect::<Vec<_>>()});
            entries(&request, "Entry").map(|entries| entries.len()).map_err(|failure| format!("{failure:?}"))
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
    fn a_queue_is_named_by_the_end_of_its_address() {
        assert_eq!(name_in("http://127.0.0.1:8000/123456789012/some"), "some");
        assert_eq!(name_in("arn:aws:sqs:us-east-1:123456789012:some"), "some");
    }
}
