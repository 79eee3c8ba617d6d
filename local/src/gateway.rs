//! The forms that API Gateway's HTTP and WebSocket APIs share.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use hyper::HeaderMap;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use crate::{log, template::REGION};

/// An id such as `JKJaXmPLvHcESHA=`: sixteen characters, the last of them a `=`.
pub(crate) fn random_id() -> String {
    URL_SAFE.encode(rand::random::<[u8; 11]>())
}

/// An API's own domain on AWS.
pub(crate) fn domain(api: &str) -> String {
    format!("{api}.execute-api.{REGION}.amazonaws.com")
}

/// A time as in `12/Mar/2020:19:03:58 +0000`.
pub(crate) fn log_time(time: Timestamp) -> String {
    time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// Text with its `%XX` decoded.
pub(crate) fn percent_decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The pairs of a query string, decoded; a `+` is a space.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(query.as_bytes())
}

/// A header as text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Logs the reason for an error that a client got although the function did not fail.
pub(crate) fn report_shape(function: &str) {
    log::line(function, "its result is not what API Gateway expects of it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_times_look_as_on_aws() {
        let id = random_id();
        assert_eq!((id.len(), id.ends_with('=')), (16, true));
        let time: Timestamp = "2020-03-12T19:03:58Z".parse().expect("a time");
        assert_eq!(log_time(time), "12/Mar/2020:19:03:58 +0000");
    }
}
