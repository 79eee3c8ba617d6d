//! What a push service's answer means.

use std::time::Duration;

/// What came of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The push service has taken it, and brings it when the browser is there.
    Delivered,
    /// The subscription has ended: the user withdrew it, or the browser made another one.
    Gone,
    /// The push service takes less than what was sent. The same message would never pass.
    TooLarge,
    /// Another attempt may succeed.
    Retry {
        /// Not before so long, if the push service says so.
        after: Option<Duration>,
    },
}

impl Outcome {
    /// Reads a status. `retry_after` is what the header `Retry-After` says, where there is one.
    ///
    /// RFC 8030 section 5 promises 201; what else begins with 2 is as good. It answers 404 for a subscription that is no
    /// more (section 7.3), and services in use 410 too. A refused key (401, 403) or request (400) is tried again: it is the
    /// operator's to mend, and the subscription would be lost over it.
    #[must_use]
    pub fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Delivered,
            404 | 410 => Self::Gone,
            413 => Self::TooLarge,
            _ => Self::Retry { after: retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let retry = Outcome::Retry { after: None };
        for (status, outcome) in [
            (200, Outcome::Delivered),
            (201, Outcome::Delivered),
            (202, Outcome::Delivered),
            (404, Outcome::Gone),
            (410, Outcome::Gone),
            (413, Outcome::TooLarge),
            (301, retry),
            (400, retry),
            (401, retry),
            (403, retry),
            (429, retry),
            (500, retry),
            (503, retry),
        ] {
            assert_eq!(Outcome::of(status, None), outcome, "{status}");
        }
    }

    #[test]
    fn a_service_that_asks_for_patience_is_heard() {
        let after = Some(Duration::from_secs(120));
        assert_eq!(Outcome::of(429, after), Outcome::Retry { after });
        assert_eq!(Outcome::of(410, after), Outcome::Gone);
    }
}
