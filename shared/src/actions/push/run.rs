//! One push under way: who may post, and when it stops.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::aws::management::{Management, PostPermit, PostResult, RateLimiter};

/// So many refusals in a row stop a push of what was refused before: one alone may be about its connection only.
const ENOUGH: usize = 2;

/// The state that the posts of one push share. While the API serves nobody, or did not when this was tried before, one post at a time
/// finds out whether that has changed. If it has not, the push stops, and what was not posted to is for later.
#[derive(Debug)]
pub(in crate::actions) struct Run {
    /// Closed when the push stops.
    halt: Semaphore,
    /// Whose post is to find out.
    probe: Mutex<()>,
    /// Whether posts go one at a time until one is served.
    is_wary: AtomicBool,
    /// The number of posts that were refused since one was served.
    refusals: AtomicUsize,
    has_left_out: AtomicBool,
}

/// The right to post.
pub(super) struct PostRight<'a> {
    pub(super) place: PostPermit<'a>,
    /// Held until the post is answered by who is to find out.
    pub(super) probe: Option<MutexGuard<'a, ()>>,
}

impl Run {
    /// Of what was refused so often in a row before.
    pub(in crate::actions) fn new(refused: usize) -> Self {
        Self {
            halt: Semaphore::new(0),
            probe: Mutex::default(),
            is_wary: AtomicBool::new(refused > 0),
            refusals: AtomicUsize::default(),
            has_left_out: AtomicBool::default(),
        }
    }

    /// Whether some connections were, or will be, left out: then no more of them are to be read.
    pub(in crate::actions) fn has_stopped(&self) -> bool {
        self.halt.is_closed() || self.has_left_out.load(Ordering::Relaxed)
    }

    /// Takes in what a post came to. `false` if that stops all that have not posted yet.
    pub(super) fn goes_on_after(&self, posted: PostResult, management: &Management) -> bool {
        match posted {
            PostResult::Delivered | PostResult::Gone => {
                self.is_wary.store(false, Ordering::Relaxed);
                self.refusals.store(0, Ordering::Relaxed);
            }
            PostResult::Refused | PostResult::Silent => {
                let refusals = self.refusals.fetch_add(1, Ordering::Relaxed) + 1;
                let is_enough = self.is_wary.load(Ordering::Relaxed) && refusals >= ENOUGH;
                if is_enough || management.is_refusing_all() {
                    self.halt.close();
                }
            }
        }
        !self.halt.is_closed()
    }

    fn is_probing(&self, management: &Management) -> bool {
        self.is_wary.load(Ordering::Relaxed) || management.is_refusing_all()
    }

    /// Waits for the rate limiter, if there is one, then for the concurrency limit. `None` once this push has stopped.
    pub(super) async fn enter<'a>(
        &'a self,
        management: &'a Management,
        limiter: Option<&RateLimiter>,
    ) -> Option<PostRight<'a>> {
        let probe = if self.is_probing(management) { Some(self.probe.lock().await) } else { None };
        if let Some(limiter) = limiter
            && !self.before_halt(limiter.turn()).await.unwrap_or_default()
        {
            self.has_left_out.store(true, Ordering::Relaxed);
            return None;
        }
        let place = self.before_halt(management.enter()).await?;
        // A post that waited meanwhile for the probe's answer may go beside the others again.
        Some(PostRight { place, probe: probe.filter(|_| self.is_probing(management)) })
    }

    /// Waits for something, unless the push stops before.
    pub(in crate::actions) async fn before_halt<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            _ = self.halt.acquire() => None,
            done = wait => Some(done),
        }
    }
}
