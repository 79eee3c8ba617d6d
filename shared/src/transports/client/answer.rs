//! The answer of a receiver: its status, and then the beginning of its body.

use std::fmt;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use super::REST;
use super::connections::{Connection, Connections};
use super::retry_after::retry_after;
use crate::clock;

/// The most bytes of a body that are read, but for what comes along in the same read.
const READ: usize = 1000;

/// The most characters of it that are kept.
const KEPT: usize = 200;

/// The answer of a receiver. Its body may still be on the way.
pub struct Answer {
    /// The status. A redirect's is here as any other: it was not followed.
    pub status: u16,
    /// For how many seconds it wants to be left alone, at most a day.
    pub retry_after_seconds: Option<u64>,
    /// From the call until its status had come.
    pub latency: Duration,
    rest: Option<Rest>,
}

/// A body, and the connection that it comes on.
struct Rest {
    body: Incoming,
    connection: Connection,
    connections: Connections,
    uri: Uri,
    until: Instant,
}

impl Answer {
    /// One whose head keeps to HTTP's rules. Its status came at `came`, and its body is read until a second after that.
    pub(super) fn whole(
        answer: Response<Incoming>,
        start: Instant,
        came: Instant,
        connection: Connection,
        connections: &Connections,
        uri: &Uri,
    ) -> Self {
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after_seconds = wait.and_then(|wait| retry_after(wait, clock::now()));
        let status = answer.status().as_u16();
        let (body, until) = (answer.into_body(), came + REST);
        let rest = Rest { body, connection, connections: connections.clone(), uri: uri.clone(), until };
        Self { status, retry_after_seconds, latency: came - start, rest: Some(rest) }
    }

    /// One of which no more can be made out.
    pub(super) fn heard(status: u16, wait: Option<&str>, latency: Duration) -> Self {
        let retry_after_seconds = wait.and_then(|wait| retry_after(wait, clock::now()));
        Self { status, retry_after_seconds, latency, rest: None }
    }

    /// The body's first characters, at most 200: what of them comes within a second of the status.
    pub async fn first_characters(self) -> String {
        match self.rest {
            Some(rest) => rest.beginning().await,
            None => String::new(),
        }
    }
}

impl Rest {
    /// A longer body is dropped unread, and its connection with it.
    async fn beginning(mut self) -> String {
        let (mut read, mut has_ended) = (Vec::new(), self.body.is_end_stream());
        while !has_ended
            && read.len() < READ
            && let Ok(frame) = timeout_at(self.until, self.body.frame()).await.map(Option::transpose)
            && let Ok(frame) = frame
        {
            let data = frame.as_ref().and_then(|frame| frame.data_ref()).map_or(&[][..], |data| &data[..]);
            read.extend_from_slice(&data[..data.len().min(READ - read.len())]);
            has_ended = frame.is_none() || self.body.is_end_stream();
        }
        if has_ended {
            self.connections.keep(&self.uri, self.connection);
        }
        String::from_utf8_lossy(&read).chars().take(KEPT).collect()
    }
}

/// Shows nothing of the body.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}
