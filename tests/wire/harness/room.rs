//! What a test takes of the machine.
//!
//! Nearly all wait for most of their time, so that many more run at once than there are cores (`RUST_TEST_THREADS` in
//! `.cargo/config.toml`). Those that keep the cores busy ask for room first, and those that judge times for quiet.

use tokio::sync::{Semaphore, SemaphorePermit};

/// How many keep the cores busy at once: while one of them waits for something, another uses what it leaves.
const BUSY: u32 = 2;

static ROOM: Semaphore = Semaphore::const_new(BUSY as usize);

/// Room for a test that keeps the cores busy, for as long as the value lives. Give it back before a long wait.
pub(crate) async fn room() -> SemaphorePermit<'static> {
    ROOM.acquire().await.unwrap()
}

/// No test that keeps the cores busy runs for as long as the value lives.
pub(crate) async fn quiet() -> SemaphorePermit<'static> {
    ROOM.acquire_many(BUSY).await.unwrap()
}
