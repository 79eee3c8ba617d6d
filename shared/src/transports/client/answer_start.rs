//! The bytes that arrive on a connection: the beginning of an answer as it comes, before HTTP's rules are held against it.
//!
//! Receivers, and what stands before them, send headers that no parser takes; or a head that has no end. The status has come all
//! the same, and the receiver has decided by then.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The most bytes of an answer that are kept.
const KEPT: usize = 16 * 1024;

/// The most bytes of one read.
const CHUNK: usize = 8 * 1024;

/// The beginning of the answer that comes on one connection.
#[derive(Clone, Default)]
pub(super) struct AnswerStart(Arc<Inner>);

#[derive(Default)]
struct Inner {
    beginning: Mutex<Beginning>,
    has_status: Notify,
}

#[derive(Default)]
struct Beginning {
    bytes: Vec<u8>,
    status: Option<Status>,
}

/// A status, and when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) at: Instant,
}

impl AnswerStart {
    /// Forgets what came before: another answer is waited for from now on.
    pub(super) fn forget(&self) {
        *self.beginning() = Beginning::default();
    }

    /// The status, once it has come.
    pub(super) fn status(&self) -> Option<Status> {
        self.beginning().status
    }

    /// Waits until the status has come.
    pub(super) async fn status_came(&self) {
        // `notify_one` leaves a permit where nobody waits yet.
        while self.status().is_none() {
            self.0.has_status.notified().await;
        }
    }

    /// The value of the first header of this name, as far as the head was kept.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let beginning = self.beginning();
        let head = String::from_utf8_lossy(after_interim(&beginning.bytes)?);
        let head = head.split_once("\r\n\r\n").map_or(&*head, |(head, _)| head);
        let is_named = |(key, _): &(&str, &str)| key.trim().eq_ignore_ascii_case(name);
        let (_, value) = head.lines().skip(1).filter_map(|line| line.split_once(':')).find(is_named)?;
        Some(value.trim().to_owned())
    }

    fn record(&self, bytes: &[u8]) {
        let mut beginning = self.beginning();
        let room = KEPT.saturating_sub(beginning.bytes.len());
        beginning.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if beginning.status.is_none()
            && let Some(code) = after_interim(&beginning.bytes).and_then(status_of)
        {
            beginning.status = Some(Status { code, at: Instant::now() });
            self.0.has_status.notify_one();
        }
    }

    fn beginning(&self) -> MutexGuard<'_, Beginning> {
        self.0.beginning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text behind empty lines and the interim answers (RFC 9110 section 15.2), such as 103; `None` while one of them has no end.
fn after_interim(bytes: &[u8]) -> Option<&[u8]> {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
    let mut bytes = &bytes[start..];
    while status_of(bytes).is_some_and(|code| (100..200).contains(&code) && code != 101) {
        let ends = [&b"\r\n\r\n"[..], b"\n\n"];
        let end = ends.iter().filter_map(|end| Some(position(bytes, end)? + end.len())).min()?;
        bytes = &bytes[end..];
    }
    Some(bytes)
}

fn position(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// The code in a status line (RFC 9112 section 4), which need not have ended yet.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let (version, rest) = bytes.strip_prefix(b"HTTP/1.")?.split_first()?;
    let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
    let (code, rest) = rest[spaces..].split_at_checked(3)?;
    let is_code = version.is_ascii_digit() && spaces > 0 && code.iter().all(u8::is_ascii_digit);
    let has_ended = rest.first().is_some_and(|byte| !byte.is_ascii_alphanumeric());
    let code = std::str::from_utf8(code).ok()?.parse().ok()?;
    (is_code && has_ended && (100..1000).contains(&code)).then_some(code)
}

/// A connection, and what is heard on it.
pub(super) struct Listening<S> {
    stream: S,
    heard: AnswerStart,
}

impl<S> Listening<S> {
    pub(super) fn new(stream: S, heard: AnswerStart) -> Self {
        Self { stream, heard }
    }
}

impl<S: Read + Unpin> Read for Listening<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut to: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut space = [MaybeUninit::uninit(); CHUNK];
        let room = to.remaining().min(CHUNK);
        let mut read = ReadBuf::uninit(&mut space[..room]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, read.unfilled()))?;
        this.heard.record(read.filled());
        to.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl<S: Write + Unpin> Write for Listening<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(text: &str) -> AnswerStart {
        let heard = AnswerStart::default();
        // A byte at a time, as slow receivers write.
        text.as_bytes().chunks(1).for_each(|byte| heard.record(byte));
        heard
    }

    fn code(text: &str) -> Option<u16> {
        heard(text).status().map(|status| status.code)
    }

    #[test]
    fn a_status_counts_once_it_has_come() {
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.1 200\r\n", Some(200)),
            ("HTTP/1.0 503 \n", Some(503)),
            ("HTTP/1.1  410  Gone", Some(410)),
            ("\r\n\r\nHTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.1 20", None),
            ("HTTP/1.1 200", None),
            ("HTTP/1.1 2000\r\n", None),
            ("HTTP/1.1 2x0\r\n", None),
            ("HTTP/2 200\r\n", None),
            ("SSH-2.0-OpenSSH_9.6\r\n", None),
            ("", None),
        ] {
            assert_eq!(code(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_interim_answer_is_none_yet() {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
        assert_eq!(code(early), None);
        assert_eq!(code(&format!("{early}{early}HTTP/1.1 204 \r\n")), Some(204));
        assert_eq!(code("HTTP/1.1 100 \n\nHTTP/1.1 200 \n"), Some(200));
        assert_eq!(code("HTTP/1.1 101 Switching\r\n"), Some(101));
    }

    #[test]
    fn a_header_is_found_among_odd_ones() {
        let heard = heard("HTTP/1.1 429 \r\nServer : x\r\nno colon\r\nretry-after : 90 \r\n\r\nRetry-After: 5\r\n");
        assert_eq!(heard.header("Retry-After").as_deref(), Some("90"));
        assert_eq!(heard.header("Location"), None);
        heard.forget();
        assert_eq!((heard.status(), heard.header("Retry-After")), (None, None));
    }

    proptest! {
        #[test]
        fn nothing_that_is_heard_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..20) {
            let heard = AnswerStart::default();
            heard.record(&b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 "[..cut]);
            heard.record(&bytes);
            let _ = (heard.status(), heard.header("x"));
        }
    }
}
