//! The rules of SQS and SNS for the entries of a batch.

use std::collections::BTreeSet;

use serde_json::Value;

use super::failure::Failure;

/// The entries that a batch has at most.
pub(crate) const ENTRIES: usize = 10;

/// The longest id of an entry.
const ID_LIMIT: usize = 80;

/// A batch that is refused as a whole.
#[derive(Debug)]
pub(crate) enum Wrong<'a> {
    /// It has no entries.
    Empty,
    /// It has this many entries, which are too many.
    TooMany(usize),
    /// An entry has an id that is too long, or has characters that an id cannot have.
    Id(&'a str),
    /// Two entries have this id.
    Repeated(&'a str),
}

impl Wrong<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Empty => "EmptyBatchRequest",
            Self::TooMany(_) => "TooManyEntriesInBatchRequest",
            Self::Id(_) => "InvalidBatchEntryId",
            Self::Repeated(_) => "BatchEntryIdsNotDistinct",
        }
    }
}

/// The entries of a batch, with their ids. Each service has its own `message` for a wrong batch.
pub(crate) fn entries(
    entries: Vec<&Value>,
    message: impl Fn(&Wrong) -> String,
) -> Result<Vec<(&str, &Value)>, Failure> {
    let refused = |wrong: &Wrong| Failure::new(wrong.name(), message(wrong));
    if entries.is_empty() {
        return Err(refused(&Wrong::Empty));
    }
    if entries.len() > ENTRIES {
        return Err(refused(&Wrong::TooMany(entries.len())));
    }
    let mut ids = BTreeSet::new();
    for entry in &entries {
        let id = id_of(entry);
        if !is_id(id) {
            return Err(refused(&Wrong::Id(id)));
        }
        if !ids.insert(id) {
            return Err(refused(&Wrong::Repeated(id)));
        }
    }
    Ok(entries.into_iter().map(|entry| (id_of(entry), entry)).collect())
}

fn id_of(entry: &Value) -> &str {
    entry["Id"].as_str().unwrap_or_default()
}

fn is_id(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    (1..=ID_LIMIT).contains(&text.len()) && text.chars().all(fits)
}
