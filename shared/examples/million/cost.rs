//! What a notification costs.

use crate::assumed::MEMORY_GB;
use crate::tally::Tally;

/// Dollars, the list prices of us-east-1 as taken in November 2026, without free tiers or discounts. They were not read off a bill,
/// nor off AWS's pages, which show them by script: look there (<https://aws.amazon.com/pricing/>) before relying on them.
mod price {
    /// API Gateway: a message of at most 32 KB over a WebSocket.
    pub(super) const MESSAGE: f64 = 1.00e-6;
    /// Lambda, arm64.
    pub(super) const GB_SECOND: f64 = 0.000_013_333_4;
    pub(super) const INVOCATION: f64 = 0.20e-6;
    /// SQS, a standard queue.
    pub(super) const REQUEST: f64 = 0.40e-6;
    /// DynamoDB, on demand.
    pub(super) const READ_UNIT: f64 = 0.125e-6;
    pub(super) const WRITE_UNIT: f64 = 0.625e-6;
}

/// What the posts cost, and what all else does. A message is received and deleted by itself; a connection that is gone is a
/// row that is deleted.
pub(crate) fn dollars(tally: &Tally) -> (f64, f64) {
    let posts = tally.posts as f64 * price::MESSAGE;
    let lambda =
        tally.billed.as_secs_f64() * MEMORY_GB * price::GB_SECOND + tally.invocations as f64 * price::INVOCATION;
    let queue = (tally.batches + 2 * tally.invocations) as f64 * price::REQUEST;
    let table = tally.read_units as f64 * price::READ_UNIT + tally.gone as f64 * price::WRITE_UNIT;
    (posts, lambda + queue + table)
}
