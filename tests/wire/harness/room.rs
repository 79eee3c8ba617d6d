//! Room on the machine for tests that keep the cores busy.
//!
//! Nearly all wait for most of their time, so that many more run at once than there are cores (`RUST_TEST_THREADS` in
//! `.cargo/config.toml`). Those that keep the cores busy ask for room first, so that those that judge times are beside few of them.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Two at once: while one of them waits for something, the other uses what it leaves.
static ROOM: Semaphore = Semaphore::const_new(2);

/// Room for a test that keeps the cores busy, for as long as the value lives. Give it back before a long wait.
pub(crate) async fn room() -> SemaphorePermit<'static> {
    ROOM.acquire().await.unwrap()
}
