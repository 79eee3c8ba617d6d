//! How answers go back over the socket.

use aws_sdk_apigatewaymanagement::primitives::Blob;
use serde_json::{Value, json};
use shared::aws::management::{Management, Posted};
use shared::domain::frame::{self, Answer};
use shared::domain::refusal::{Code, Refusal};
use shared::error::Error;
use shared::socket::Peer;

/// The answers to one frame, in their order.
pub(crate) struct Frames {
    /// Replayed notifications.
    pub(crate) first: Vec<String>,
    /// The answer itself.
    pub(crate) last: Answer,
}

/// The way back to the client.
pub(crate) struct Reply<'a> {
    pub(crate) management: &'a Management,
    pub(crate) peer: &'a Peer,
    pub(crate) reference: Option<&'a Value>,
}

impl Reply<'_> {
    /// Sends the answers. One alone is the function's response, which costs nothing. Several are posted, the last one
    /// too: nothing promises that a response comes after what was posted before it, and `subscribed` must not come
    /// before what it counts in.
    pub(crate) async fn send(&self, frames: Frames) -> Result<Value, Error> {
        let last = frame::answer(&frames.last, self.reference);
        if frames.first.is_empty() {
            return Ok(response(last));
        }
        for frame in frames.first.into_iter().chain([last]) {
            match self.management.post(&self.peer.connection.id.0, Blob::new(frame)).await? {
                Posted::Delivered => {}
                Posted::Gone => break,
                // What follows must not overtake it: the client asks again.
                Posted::Slow => return Err(slow().into()),
            }
        }
        Ok(json!({ "statusCode": 200 }))
    }

    /// Tells why nothing was done.
    pub(crate) fn error(&self, refusal: &Refusal) -> Value {
        response(frame::error(refusal, self.reference))
    }
}

fn response(frame: String) -> Value {
    json!({ "statusCode": 200, "body": frame })
}

fn slow() -> Refusal {
    Refusal::new(Code::Unavailable, "this connection takes no more for now; ask again")
}
