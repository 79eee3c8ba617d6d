//! What people read while the stack runs.

use std::io::Write;

/// Writes a line about a function to standard error, in one piece: many processes write at once.
pub(crate) fn line(function: &str, text: &str) {
    // There is nowhere to say that standard error is closed.
    let _ = std::io::stderr().write_all(format!("{function}: {text}\n").as_bytes());
}
