//! The cost of a notification.

use crate::assumed::MEMORY_GB;
use crate::tally::Tally;
use tidings_tests::bench::prices::Prices;

/// In dollars, what the posts cost, and what all else does. A message is received and deleted by itself; a row that
/// is removed is a write.
pub(crate) fn dollars(tally: &Tally) -> (f64, f64) {
    let prices = Prices::read();
    let posts = tally.posts as f64 * prices["websocket_message"];
    let lambda = tally.billed.as_secs_f64() * MEMORY_GB * prices["lambda_gb_second"]
        + tally.invocations as f64 * prices["lambda_request"];
    let queue = (tally.batches + 2 * tally.invocations) as f64 * prices["sqs_request"];
    let table = tally.read_units as f64 * prices["dynamodb_read"] + tally.removed as f64 * prices["dynamodb_write"];
    (posts / 1e6, (lambda + queue + table) / 1e6)
}
