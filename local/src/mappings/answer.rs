//! A function's answer to a batch: the messages that are done.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>

use std::collections::BTreeSet;

use serde_json::Value;

use crate::queues::Message;

/// The messages that are done and can be deleted. If the answer cannot be read, or names a message outside the batch, the error
/// says why, and none is done.
pub(super) fn done<'a>(batch: &'a [Message], answer: &[u8]) -> Result<Vec<&'a Message>, String> {
    let failed = failed(answer)?;
    let known: BTreeSet<&str> = batch.iter().map(|message| message.id.as_str()).collect();
    if let Some(unknown) = failed.iter().find(|id| !known.contains(id.as_str())) {
        return Err(format!("its batchItemFailures name {unknown:?}, which was not in the batch"));
    }
    Ok(batch.iter().filter(|message| !failed.contains(&message.id)).collect())
}

/// The ids of the failed messages. An answer without a list, or an empty one, means that all are done.
fn failed(answer: &[u8]) -> Result<BTreeSet<String>, String> {
    if answer.trim_ascii().is_empty() {
        return Ok(BTreeSet::new());
    }
    let answer: Value = serde_json::from_slice(answer).map_err(|error| format!("its answer is no JSON: {error}"))?;
    let failures = match &answer {
        Value::Null => &Value::Null,
        Value::Object(object) => object.get("batchItemFailures").unwrap_or(&Value::Null),
        other => return Err(format!("its answer is no object: {other}")),
    };
    let failures = match failures {
        Value::Null => return Ok(BTreeSet::new()),
        Value::Array(failures) => failures,
        other => return Err(format!("its batchItemFailures are no list: {other}")),
    };
    let id = |failure: &Value| {
        let id = failure["itemIdentifier"].as_str().filter(|id| !id.is_empty());
        id.map(str::to_owned)
            .ok_or_else(|| format!("an item of its batchItemFailures has no itemIdentifier: {failure}"))
    };
    failures.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done_of_two(answer: &str) -> Result<Vec<u64>, String> {
        let batch = [Message::sent_at(0, 1), Message::sent_at(0, 2)];
        done(&batch, answer.as_bytes()).map(|done| done.iter().map(|message| message.number).collect())
    }

    #[test]
    fn what_is_not_named_is_done() {
        for all in ["", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(done_of_two(all), Ok(vec![1, 2]), "{all}");
        }
        assert_eq!(done_of_two(r#"{"batchItemFailures":[{"itemIdentifier":"id-1"}]}"#), Ok(vec![2]));
    }

    #[test]
    fn an_answer_that_makes_no_sense_says_that_all_failed() {
        for none in [
            "{",
            "\"done\"",
            r#"{"batchItemFailures":1}"#,
            r#"{"batchItemFailures":["id-1"]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"id":"id-1"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"id-3"}]}"#,
        ] {
            done_of_two(none).expect_err(none);
        }
    }
}
