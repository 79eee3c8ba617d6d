//! The machine's clock. Below this `now` is an argument.

use jiff::Timestamp;

use crate::domain::time::Millis;

/// The present moment.
#[must_use]
pub fn now() -> Millis {
    Millis(Timestamp::now().as_millisecond())
}
