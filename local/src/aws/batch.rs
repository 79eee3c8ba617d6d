//! What SQS and SNS ask of a batch alike; each words its refusals in its own way.

/// How many entries a batch may have.
pub(super) const ENTRIES: usize = 10;

/// How long an entry's id may be.
const ID_LIMIT: usize = 80;

/// Whether an entry may have this id.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    (1..=ID_LIMIT).contains(&text.len()) && text.chars().all(fits)
}
