//! Why no answer came, in words that can be kept and shown: none of them says where the attempt went.

use std::error::Error;
use std::fmt;
use std::io;

use hyper_util::client::legacy;

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
    /// What came was no answer in HTTP/1.1, or one with too large a head. The receiver may have the message.
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

    /// What the client's error comes down to.
    pub(super) fn of(error: &legacy::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            if let Some(reason) = known(error) {
                return reason;
            }
            cause = beneath(error);
        }
        if error.is_connect() { Self::ConnectionFailed } else { Self::ConnectionClosed }
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

/// What an error was made of. An I/O error's own `source` passes over the error that it wraps.
fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}
