//! Answers over the socket.
//!
//! All of them are posted. The function's response could carry one (a route response), but nothing promises that it
//! comes after what was posted before it, and `subscribed` must not come before what it counts in; and where a route has
//! a response, one without a body is said to reach the client as an empty message.

use serde_json::Value;
use shared::aws::management::{Management, Payload, PostResult, To};
use shared::domain::frame::{self, Answer};
use shared::domain::refusal::Refusal;
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
    /// Sends the answers.
    pub(crate) async fn send(&self, frames: Frames) -> Result<(), Error> {
        let last = frame::answer(&frames.last, self.reference);
        for frame in frames.first.into_iter().chain([last]) {
            self.post(frame).await?;
        }
        Ok(())
    }

    /// Tells why nothing was done.
    pub(crate) async fn error(&self, refusal: &Refusal) -> Result<(), Error> {
        self.post(frame::error(refusal, self.reference)).await
    }

    /// Posts a frame that later frames build on, so the connection must take it. Else the client, which hears nothing
    /// or the gateway's error, asks again.
    async fn post(&self, frame: String) -> Result<(), Error> {
        let to = To { connection: &self.peer.connection.id.0, is_known: false };
        let place = self.management.enter().await;
        match self.management.post(place, to, &Payload::new(frame), None).await? {
            // Where it is gone there is nobody left to tell.
            PostResult::Delivered | PostResult::Gone => Ok(()),
            PostResult::Refused | PostResult::Silent => {
                let cause = "the connection takes no more for now".to_owned();
                Err(Error::Failed { call: "PostToConnection", cause })
            }
        }
    }
}
