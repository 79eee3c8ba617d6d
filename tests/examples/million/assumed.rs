//! Assumptions about AWS and clients. The first part is in AWS's documents; the second is a guess of what is usual, on
//! the slow side; the third is this repository's own, from where the simulation cannot read it.
use std::ops::Range;
use std::time::Duration;

/// New WebSocket connections a second, per account and Region (API Gateway, "Quotas for configuring and running a WebSocket").
pub(crate) const NEW_CONNECTIONS: f64 = 500.0;

/// A mapping begins with so many invocations at once, and adds so many a second (Lambda, "Configuring scaling behavior for SQS
/// event source mappings": 300 a minute).
pub(crate) const AT_FIRST: usize = 5;
pub(crate) const MORE_A_SECOND: f64 = 5.0;

/// A consistent read of so many bytes is a unit (DynamoDB, "On-demand capacity mode").
pub(crate) const READ_UNIT: usize = 4096;

/// The answer to a post: half come faster than the median, and the logarithm varies by this much (99 % come within 61 ms).
pub(crate) const POST: Duration = Duration::from_millis(12);
pub(crate) const POST_SIGMA: f64 = 0.7;

/// A refusal.
pub(crate) const REFUSAL: Duration = Duration::from_millis(5);

/// Reading a page of subscribers.
pub(crate) const QUERY: Duration = Duration::from_millis(15);

/// Reading the notification.
pub(crate) const GET: Duration = Duration::from_millis(5);

/// Handing a few messages to SQS.
pub(crate) const SEND: Duration = Duration::from_millis(15);

/// From when a message can be seen until the function has it.
pub(crate) const PICK_UP: Duration = Duration::from_millis(40);

/// Starting another process of the function.
pub(crate) const COLD_START: Duration = Duration::from_millis(100);

/// Opening a connection: authorizer and `$connect`.
pub(crate) const CONNECT: Duration = Duration::from_millis(200);

/// From a client's frame to the answer.
pub(crate) const FRAME: Duration = Duration::from_millis(60);

/// The size of a subscriber's row in the table, in bytes.
pub(crate) const ROW: usize = 110;

/// The share function's limit and memory (`template.yaml`), and what it leaves for its answer (`shared/src/deadline.rs`).
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const RESERVE: Duration = Duration::from_secs(1);
pub(crate) const MEMORY_GB: f64 = 0.5;

/// The number of times that a message is received, and the delays before one that failed is received once more
/// (`template.yaml`, `shared/src/batch.rs`).
pub(crate) const RECEIVED: usize = 6;
pub(crate) const AGAIN: [u64; 4] = [1, 4, 15, 40];

/// Who has not been answered after this is not waited for before more posts are let go
/// (`shared/src/aws/management/post_client.rs`).
pub(crate) const PROMPT: Duration = Duration::from_millis(50);

/// The number of connections that are posted to, or wait for another try, at once (`shared/src/actions/push.rs`).
pub(crate) const UNDER_WAY: usize = 256;

/// So many refusals in a row stop a push of what was refused before (`shared/src/actions/push/run.rs`).
pub(crate) const ENOUGH: usize = 2;

/// The rows a second that all workers of segments remove together, the time that any other process leaves between two
/// removals, and the longest that a removal waits (`shared/src/actions/push/removals.rs`).
pub(crate) const REMOVALS: u32 = 500;
pub(crate) const EACH_REMOVAL: Duration = Duration::from_millis(10);
pub(crate) const LATEST_REMOVAL: Duration = Duration::from_millis(500);

/// A client whose connection was lost comes back within this; one that was refused waits at first and at most so long; one
/// whose frame failed asks again after this (`clients/js/src/timing.ts`). In seconds.
pub(crate) const RECONNECT: Range<f64> = 0.0..2.0;
pub(crate) const RETRY: (f64, f64) = (0.2, 30.0);
pub(crate) const ASK_AGAIN: Range<f64> = 0.5..3.0;
