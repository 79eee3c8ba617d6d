//! The cost of the same with others, by the same prices. Both are computed, not measured.

use crate::bill::{posting, posts, working};
use crate::shape::Shape;
use tidings_tests::bench::prices::Prices;

/// The steps in which AppSync counts what it is given and gives, in bytes.
const APPSYNC_STEP: usize = 5 * 1024;

/// Bytes that DynamoDB reads in one unit; and bytes of a row of the sample's table: `connectionId`, and an id of 16
/// characters.
const READ_STEP: usize = 4096;
const ROW: usize = 12 + 16;

/// The sample's function has 256 MB.
const MEMORY: f64 = 0.25;

/// The formulas, for readers of the table.
pub(crate) const FORMULAS: &str = "\
AppSync Events: one operation for the event in and one for each subscriber, in steps of 5 KB. It keeps nothing: a client that \
is not connected misses it. The sample (aws-samples/simple-websockets-chat-app, API Gateway with a function in Node.js): one \
message in; one invocation of 256 MB that scans its table, here with this audience and nobody else, in rows of 28 bytes at \
half a unit for each 4 KB; one message for each connection. It keeps nothing either. Its function's time is assumed as above, \
as if Node.js were as quick as Rust, which `cargo bench-posts` shows that it is not. Neither sends later or is polled.";

/// Dollars for a million, if that can do such a thing.
pub(crate) fn appsync(shape: &Shape, prices: &Prices) -> Option<f64> {
    let steps = shape.spent.seen.longest.div_ceil(APPSYNC_STEP) as f64;
    does(shape).then(|| (1 + shape.deliveries) as f64 * steps * prices["appsync_operation"])
}

/// Likewise.
pub(crate) fn sample(shape: &Shape, prices: &Prices) -> Option<f64> {
    let connections = shape.deliveries;
    let read_units = (connections as usize * ROW).div_ceil(READ_STEP) as f64 / 2.0;
    let messages = posts(1 + connections, shape.spent.seen.longest);
    let gb_seconds = MEMORY * (working(1, 1) + posting(connections)) / 1000.0;
    let dollars = messages * prices["websocket_message"]
        + read_units * prices["dynamodb_read"]
        + prices["lambda_request"]
        + gb_seconds * prices["lambda_gb_second"];
    does(shape).then_some(dollars)
}

/// Both push to who is connected, at once, and nothing else.
fn does(shape: &Shape) -> bool {
    !shape.spent.functions.contains_key("Deliver") && !shape.spent.functions.contains_key("Poll")
}
