//! The machine's clock. Below this `now` is an argument.

use domain::time::Millis;
use jiff::Timestamp;

/// The present moment.
#[must_use]
pub fn now() -> Millis {
    Millis(Timestamp::now().as_millisecond())
}
