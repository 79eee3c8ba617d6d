//! Ports that are free, and stay so while nobody listens there.

use std::net::TcpListener;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that Linux (32,768 and above) and macOS (49,152 and above) give to a program that asks for any.
const PORTS: Range<u16> = 10_000..30_000;

/// The ports of receivers. Stacks that let webhooks be on this machine are given all of them, since a test starts its stack first.
pub(crate) const RECEIVERS: Range<u16> = 30_000..30_400;

/// A port of this machine that no other test is given. What stops and listens there again finds it free; what must not be there,
/// is not.
pub(crate) fn port() -> u16 {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    number(&bind(&NEXT, PORTS))
}

/// The same, for a receiver of webhooks.
pub(crate) fn receiver_port() -> u16 {
    number(&bind_receiver())
}

/// A receiver's port that is listened on already, so that another run of the tests cannot take it meanwhile.
pub(crate) fn bind_receiver() -> TcpListener {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    bind(&NEXT, RECEIVERS)
}

fn number(listener: &TcpListener) -> u16 {
    listener.local_addr().unwrap().port()
}

fn bind(next: &OnceLock<AtomicU16>, ports: Range<u16>) -> TcpListener {
    // Another run of the tests begins elsewhere.
    let next = next.get_or_init(|| AtomicU16::new(rand::random_range(ports.clone())));
    loop {
        let after = |port| Some(if port + 1 < ports.end { port + 1 } else { ports.start });
        let port = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
}
