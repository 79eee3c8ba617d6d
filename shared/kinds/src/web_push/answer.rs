//! The meaning of a push service's answer.

use crate::message::Meaning;

/// The meaning of an answer, by its status and the seconds of its `Retry-After`.
///
/// RFC 8030 section 5 promises 201; other statuses that begin with 2 count as well. It answers 404 for a subscription that has
/// ended (section 7.3), and services in use answer 410 too. 413 says that the service takes no message of that size, so that
/// the same message would never pass. A refused key (401, 403) or request (400) is tried again: the operator has to mend it,
/// and the subscription would be lost over it.
#[must_use]
pub fn meaning(status: u16, retry_after_seconds: Option<u64>) -> Meaning {
    match status {
        200..=299 => Meaning::Delivered,
        404 | 410 => Meaning::Gone,
        413 => Meaning::Refused,
        _ => Meaning::Failed { retry_after_seconds },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        let retry = Meaning::Failed { retry_after_seconds: None };
        for (status, outcome) in [
            (200, Meaning::Delivered),
            (201, Meaning::Delivered),
            (202, Meaning::Delivered),
            (404, Meaning::Gone),
            (410, Meaning::Gone),
            (413, Meaning::Refused),
            (301, retry),
            (400, retry),
            (401, retry),
            (403, retry),
            (429, retry),
            (500, retry),
            (503, retry),
        ] {
            assert_eq!(meaning(status, None), outcome, "{status}");
        }
    }

    #[test]
    fn a_service_that_asks_for_patience_is_heard() {
        assert_eq!(meaning(429, Some(120)), Meaning::Failed { retry_after_seconds: Some(120) });
        assert_eq!(meaning(410, Some(120)), Meaning::Gone);
    }
}
