//! A message as a kind hands it to a transport.

use std::fmt;

use http::HeaderMap;

use crate::url::PublicUrl;

/// A message that is ready to go out.
#[derive(Debug)]
pub struct Message {
    /// The request to a transport.
    pub request: Request,
    /// The part of a daily cap that it takes.
    pub charge: Option<Charge>,
}

/// A request, one variant a transport. `Debug` shows no number, no address and no text.
pub enum Request {
    /// An HTTP POST.
    Post(Post),
    /// A publication to the SNS platform endpoint of this ARN.
    Push(String, MobilePushMessage),
    /// A text message to this number, by SNS.
    Text(String, String),
    /// A mail to this address, by SES.
    Mail(String, Mail),
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Post(_) => "Post(…)",
            Self::Push(..) => "Push(…)",
            Self::Text(..) => "Text(…)",
            Self::Mail(..) => "Mail(…)",
        })
    }
}

/// An HTTP POST. `Debug` shows nothing of it: the URL is somebody's address, and the headers may open it.
pub struct Post {
    /// The URL. Redirects are not to be followed.
    pub url: PublicUrl,
    /// All headers but those that every HTTP client sets itself (`Host`, `Content-Length`).
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The push service that takes a VAPID token in `Authorization`, as an origin.
    pub vapid: Option<String>,
    /// The meaning of an answer, by its status and the seconds of its `Retry-After`.
    pub meaning: fn(u16, Option<u64>) -> Meaning,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Post(…)")
    }
}

/// The publication to one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MobilePushMessage {
    /// The message, of the structure `json`.
    pub message: String,
    /// The message's attributes, all of the type `String`.
    pub attributes: Vec<(&'static str, String)>,
}

/// A mail, but for who sends and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// One line of at most 200 characters.
    pub subject: String,
    /// Plain text; never empty.
    pub text: String,
    /// Names and values of further headers. All are printable ASCII.
    pub headers: [(&'static str, String); 2],
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self { request, charge: None }
    }
}

/// The meaning of a receiver's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The receiver has the message.
    Delivered,
    /// The receiver wants no further message: the endpoint is to be removed.
    Gone,
    /// The receiver would never take this message.
    Refused,
    /// Another attempt may succeed, not before so many seconds where the receiver said so.
    Failed {
        /// Its `Retry-After`.
        retry_after_seconds: Option<u64>,
    },
}

/// The reason why there is no message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMessage {
    /// The notification has nothing for an endpoint of this kind.
    Empty,
    /// The stack's settings no longer allow its URL.
    ForbiddenUrl,
    /// Writing it failed.
    Failed(Failed),
}

impl From<Failed> for NoMessage {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// A step that should not have failed, such as encryption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {cause}")]
pub struct Failed {
    /// The step.
    pub call: &'static str,
    /// The cause.
    pub cause: String,
}

impl Failed {
    /// A failed step, with its error as the cause.
    pub fn of<E: fmt::Display>(call: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self { call, cause: error.to_string() }
    }
}

/// The part of its kind's daily cap that a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The kind, as the cap's rows name it.
    pub kind: &'static str,
    /// The number.
    pub count: u32,
    /// The cap.
    pub cap: DailyCap,
}

/// The most that a kind sends on one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyCap {
    /// For all users together.
    pub all: u32,
    /// For each user.
    pub each: u32,
}

impl DailyCap {
    /// So many in all, of which each user may have so many in a hundred, rounded up.
    #[must_use]
    pub fn shared(all: u32, percent: u32) -> Self {
        let each = (u64::from(all) * u64::from(percent)).div_ceil(100);
        Self { all, each: u32::try_from(each).unwrap_or(u32::MAX).min(all) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_users_share_is_rounded_up_and_no_more_than_all() {
        for (all, percent, each) in
            [(0, 10, 0), (1, 10, 1), (10, 10, 1), (11, 10, 2), (1000, 10, 100), (7, 100, 7), (u32::MAX, 100, u32::MAX)]
        {
            assert_eq!(DailyCap::shared(all, percent), DailyCap { all, each }, "{percent} % of {all}");
        }
    }
}
