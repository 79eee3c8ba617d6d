//! Ports that are free, and stay so while nobody listens there.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux (32,768 and above) and macOS (49,152 and above) give to whoever asks for any.
const PORTS: Range<u16> = 10_000..30_000;

/// A port of this machine that no other test is given. What stops and listens there again finds it free; what must not be there,
/// is not.
pub(crate) fn port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    // Another run of the tests begins elsewhere.
    let next = NEXT.get_or_init(|| AtomicU16::new(rand::random_range(PORTS)));
    loop {
        let after = |port| Some(if port + 1 < PORTS.end { port + 1 } else { PORTS.start });
        let port = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
