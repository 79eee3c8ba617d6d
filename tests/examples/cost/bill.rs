//! The cost of a shape.

use crate::shape::Shape;
use tidings_tests::bench::prices::Prices;
use tidings_tests::bench::spent::Used;

/// Assumptions that nobody has measured on AWS, in milliseconds: the time of one call of DynamoDB or SQS; the time of
/// posts that are under way together; the time of an invocation besides; and the average by which `deliver` is woken
/// too early.
const CALL: f64 = 5.0;
const POST: f64 = 10.0;
const OWN: f64 = 2.0;
const EARLY: f64 = 500.0;

/// The number of posts that are under way together (`shared/src/aws/management/concurrency_limit.rs`).
const AT_ONCE: u64 = 64;

/// The same in words, for readers of the table.
pub(crate) fn assumed() -> String {
    format!(
        "Assumed, not measured: a call of DynamoDB or SQS takes {CALL} ms, one at a time; {AT_ONCE} posts take {POST} ms \
         together, and `share` takes its pace; an invocation takes {OWN} ms besides; `deliver` is woken {EARLY} ms early; nothing \
         fails, and nothing starts cold."
    )
}

/// The steps in which messages over a WebSocket API are counted, in bytes.
const WEBSOCKET_STEP: usize = 32 * 1024;

/// Dollars for a million of a shape.
pub(crate) struct Bill {
    pub(crate) requests: f64,
    pub(crate) invocations: f64,
    pub(crate) time: f64,
    pub(crate) dynamodb: f64,
    pub(crate) sqs: f64,
    pub(crate) posts: f64,
}

impl Bill {
    pub(crate) fn of(shape: &Shape, prices: &Prices) -> Self {
        let spent = &shape.spent;
        let gb_seconds = spent
            .functions
            .iter()
            .map(|(name, used)| memory(used) * milliseconds(name, used, shape) / 1000.0)
            .sum::<f64>();
        let reads = spent.sum(|used| used.read_units) * prices["dynamodb_read"];
        let writes = spent.sum(|used| used.write_units) * prices["dynamodb_write"];
        Self {
            requests: shape.requests as f64 * prices["http_request"],
            invocations: spent.sum(|used| used.invocations) as f64 * prices["lambda_request"],
            time: gb_seconds * prices["lambda_gb_second"],
            dynamodb: reads + writes,
            sqs: spent.sqs() as f64 * prices["sqs_request"],
            posts: posts(spent.sum(|used| used.posts), spent.seen.longest) * prices["websocket_message"],
        }
    }

    pub(crate) fn sum(&self) -> f64 {
        self.requests + self.invocations + self.time + self.dynamodb + self.sqs + self.posts
    }
}

/// The number of messages that these posts count as.
pub(crate) fn posts(posts: u64, bytes: usize) -> f64 {
    posts as f64 * bytes.div_ceil(WEBSOCKET_STEP).max(1) as f64
}

/// The time of so many posts without a rate limit, in milliseconds.
pub(crate) fn posting(posts: u64) -> f64 {
    posts.div_ceil(AT_ONCE) as f64 * POST
}

/// The time of invocations with so many calls of DynamoDB and SQS, in milliseconds.
pub(crate) fn working(invocations: u64, calls: u64) -> f64 {
    OWN * invocations as f64 + CALL * calls as f64
}

/// In GB.
fn memory(used: &Used) -> f64 {
    number(used, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE") / 1024.0
}

fn number(used: &Used, variable: &str) -> f64 {
    used.environment[variable].as_str().unwrap().parse().unwrap()
}

/// For how long a function is paid.
fn milliseconds(function: &str, used: &Used, shape: &Shape) -> f64 {
    let working = working(used.invocations, used.dynamodb + used.sqs);
    match function {
        // It calls while it waits.
        "Poll" => OWN + 1000.0 * shape.waited.as_secs_f64(),
        "Share" => working + 1000.0 * used.posts as f64 / pace(used),
        "Deliver" => working + posting(used.posts) + EARLY * used.invocations as f64,
        _ => working + posting(used.posts),
    }
}

/// The posts a second that one process of `share` makes.
fn pace(used: &Used) -> f64 {
    number(used, "POSTS_PER_SECOND") / number(used, "SHARE_CONCURRENCY")
}
