//! Why no answer came, in words that can be kept and shown: none of them says where the attempt went.

use std::error::Error;
use std::fmt;
use std::io;

use super::names::NoAddress;

/// Why no answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The host is, or resolves to, an address that is not posted to. Nothing was connected to.
    ForbiddenAddress,
    /// The name does not resolve.
    NameNotFound,
    /// Nobody listens there.
    ConnectionRefused,
    /// The connection did not come about for another cause.
    ConnectionFailed,
    /// The certificate is not believed, or the other side does not speak TLS.
    Tls,
    /// The connection ended before an answer came. The receiver may have the message.
    ConnectionClosed,
    /// The answer does not begin with a status of HTTP/1.1. The receiver may have the message.
    InvalidAnswer,
    /// 15 s passed. The receiver may have the message.
    Timeout,
}

impl Reason {
    /// The word for it, as attempts keep it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForbiddenAddress => "forbidden_address",
            Self::NameNotFound => "name_not_found",
            Self::ConnectionRefused => "connection_refused",
            Self::ConnectionFailed => "connection_failed",
            Self::Tls => "tls",
            Self::ConnectionClosed => "connection_closed",
            Self::InvalidAnswer => "invalid_answer",
            Self::Timeout => "timeout",
        }
    }

    /// The reason behind the error of a connection that did not come about.
    pub(super) fn of_connecting(error: &(dyn Error + 'static)) -> Self {
        Self::of(error).unwrap_or(Self::ConnectionFailed)
    }

    /// The reason behind the error of a request that was not answered.
    pub(super) fn of_sending(error: &hyper::Error) -> Self {
        Self::of(error).unwrap_or(Self::ConnectionClosed)
    }

    fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(reason) = known(error) {
                return Some(reason);
            }
            cause = beneath(error);
        }
        None
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn known(error: &(dyn Error + 'static)) -> Option<Reason> {
    if let Some(no_address) = error.downcast_ref() {
        return Some(match no_address {
            NoAddress::NotFound => Reason::NameNotFound,
            NoAddress::Forbidden => Reason::ForbiddenAddress,
        });
    }
    if error.is::<rustls::Error>() {
        return Some(Reason::Tls);
    }
    if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
        return Some(Reason::InvalidAnswer);
    }
    match error.downcast_ref::<io::Error>()?.kind() {
        io::ErrorKind::ConnectionRefused => Some(Reason::ConnectionRefused),
        io::ErrorKind::TimedOut => Some(Reason::Timeout),
        _ => None,
    }
}

/// The causes of an error. An I/O error's own `source` passes over the error that it wraps.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
