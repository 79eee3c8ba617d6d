//! When a source of keys is to be asked again.

use tokio::time::{Duration, Instant};

/// A token that fits no key has its source asked again at most this often, whatever comes of it.
const AT_MOST: Duration = Duration::from_secs(60);

/// Keys older than this are read again in any case, so that one that was withdrawn does not count for as long as the
/// process lives.
const OLD: Duration = Duration::from_secs(600);

/// The state of a source of keys.
#[derive(Debug)]
pub(super) struct KeySource {
    read: Option<Instant>,
    asked_again: Option<Instant>,
    failing: bool,
}

impl KeySource {
    pub(super) fn read_now() -> Self {
        Self { read: Some(Instant::now()), asked_again: None, failing: false }
    }

    pub(super) fn never_read() -> Self {
        Self { read: None, asked_again: None, failing: false }
    }

    /// Whether it did not answer when it was asked last: then nobody can tell whether a token that fits no key is good.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    pub(super) fn is_old(&self) -> bool {
        self.read.is_some_and(|at| at.elapsed() > OLD)
    }

    /// Whether it may be asked again. If so it counts as asked, and as failing until [`KeySource::was_read`]: a source that
    /// does not answer is not asked with every token either.
    pub(super) fn may_ask(&mut self) -> bool {
        let may = self.asked_again.is_none_or(|at| at.elapsed() >= AT_MOST);
        if may {
            self.asked_again = Some(Instant::now());
            self.failing = true;
        }
        may
    }

    pub(super) fn was_read(&mut self) {
        self.read = Some(Instant::now());
        self.failing = false;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, pause};

    use super::*;

    #[tokio::test]
    async fn a_source_is_asked_again_at_once_and_then_once_a_minute() {
        pause();
        let mut source = KeySource::read_now();
        assert!(source.may_ask());
        assert!(source.is_failing(), "until it answers");
        source.was_read();
        assert!(!source.may_ask() && !source.is_failing());
        advance(Duration::from_secs(59)).await;
        assert!(!source.may_ask());
        advance(Duration::from_secs(1)).await;
        assert!(source.may_ask());
    }

    #[tokio::test]
    async fn what_was_read_grows_old_after_ten_minutes() {
        pause();
        let mut source = KeySource::read_now();
        advance(Duration::from_secs(600)).await;
        assert!(!source.is_old());
        advance(Duration::from_secs(1)).await;
        assert!(source.is_old());
        source.was_read();
        assert!(!source.is_old());
        assert!(!KeySource::never_read().is_old(), "its first token asks for it");
    }
}
