//! The AWS port: the control API under its own path, AWS's services under any other.

use std::sync::Arc;

use crate::{
    aws::Aws,
    control::{Control, PREFIX},
    serve::{Answer, Peer, Request, guard},
};

/// The parts behind the AWS port.
pub(super) struct AwsPort {
    /// AWS's services.
    pub(super) aws: Aws,
    /// The control API.
    pub(super) control: Control,
}

impl AwsPort {
    /// Answers a request, unless a web page has sent it.
    pub(super) async fn answer(self: Arc<Self>, request: Request, peer: Arc<Peer>) -> Answer {
        if guard::is_of_a_page(request.headers()) {
            return Ok(guard::no_page());
        }
        if request.uri().path().starts_with(PREFIX) {
            return self.control.answer(request).await;
        }
        self.aws.answer(request, &peer).await
    }
}
