//! A limit on the posts that are under way at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The most posts at once, and so the most connections where the endpoint speaks HTTP/1.1. A slow connection holds one of
/// these places and no other's.
pub const MOST: usize = 64;

/// Lets posts pass: one at first, and with each that was served, or keeps others waiting, one more at a time. So a process
/// opens no more connections than it comes to need, and learns from the first answer whether one carries them all (HTTP/2).
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    places: Semaphore,
    opened: AtomicUsize,
}

impl ConcurrencyLimit {
    pub(super) fn new() -> Self {
        Self { places: Semaphore::const_new(1), opened: AtomicUsize::new(1) }
    }

    /// Waits for a place.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.places.acquire().await.ok()
    }

    /// Opens one more place, up to the most.
    pub(super) fn widen(&self) {
        let opened = self.opened.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < MOST).then_some(n + 1));
        if opened.is_ok() {
            self.places.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_opens_with_each_answer_up_to_the_most() {
        let concurrency = ConcurrencyLimit::new();
        let first = concurrency.enter().await;
        assert!(concurrency.places.try_acquire().is_err());
        drop(first);
        for _ in 0..2 * MOST {
            concurrency.widen();
        }
        assert_eq!(concurrency.places.available_permits(), MOST);
    }
}
