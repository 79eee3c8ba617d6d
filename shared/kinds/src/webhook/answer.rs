//! The meaning of a webhook's answer, by the Standard Webhooks specification 1.0.0.

use crate::message::Meaning;

/// The meaning of an answer. A redirect is a failure: nobody has checked where it leads.
#[must_use]
pub fn meaning(status: u16, retry_after_seconds: Option<u64>) -> Meaning {
    match status {
        200..=299 => Meaning::Delivered,
        410 => Meaning::Gone,
        _ => Meaning::Failed { retry_after_seconds },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_means_delivered_gone_or_try_again() {
        assert_eq!(meaning(200, None), Meaning::Delivered);
        assert_eq!(meaning(299, Some(5)), Meaning::Delivered);
        assert_eq!(meaning(410, Some(5)), Meaning::Gone);
        for status in [100, 199, 300, 301, 302, 307, 308, 400, 404, 429, 500, 503] {
            assert_eq!(meaning(status, Some(5)), Meaning::Failed { retry_after_seconds: Some(5) }, "{status}");
        }
    }
}
