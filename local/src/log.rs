//! The lines for people that the stack writes while it runs.

use std::{
    io::{Write, stderr},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

/// The lines that wait for a slow reader of standard error at most. The stack itself waits for none of them.
const WAITING: usize = 10_000;

/// The longest time that the last lines take at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

static LOG: LazyLock<Log> = LazyLock::new(|| {
    let (lines, waiting) = sync_channel(WAITING);
    thread::spawn(move || write(&waiting, stderr()));
    Log { lines, dropped: AtomicU64::new(0) }
});

struct Log {
    lines: SyncSender<Entry>,
    dropped: AtomicU64,
}

enum Entry {
    Line(String),
    /// Asks for a reply when everything before it is written.
    Flush(SyncSender<()>),
}

impl Log {
    fn add(&self, line: String) {
        let dropped = self.dropped.swap(0, Ordering::SeqCst);
        let line = if dropped == 0 { line } else { format!("({dropped} lines were dropped here)\n{line}") };
        if self.lines.try_send(Entry::Line(line)).is_err() {
            self.dropped.fetch_add(dropped + 1, Ordering::SeqCst);
        }
    }
}

/// Writes a line about a function to standard error in one piece, because many processes write at once.
pub(crate) fn line(function: &str, text: &str) {
    LOG.add(format!("{function}: {text}\n"));
}

/// Waits for the lines so far to be written, up to a limit.
pub(crate) fn flush() {
    let (done, written) = sync_channel(1);
    if LOG.lines.try_send(Entry::Flush(done)).is_ok() {
        let _ = written.recv_timeout(FLUSH_TIMEOUT);
    }
}

fn write(waiting: &Receiver<Entry>, mut to: impl Write) {
    for entry in waiting {
        // An error has no place to go: standard error is closed, or the flush has timed out.
        let _ = match entry {
            Entry::Line(line) => to.write_all(line.as_bytes()).is_ok(),
            Entry::Flush(done) => done.try_send(()).is_ok(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_dropped_and_counted() {
        let (lines, waiting) = sync_channel(1);
        let log = Log { lines, dropped: AtomicU64::new(0) };
        for line in ["a\n", "b\n", "c\n"] {
            log.add(line.to_owned());
        }
        let mut written = Vec::new();
        let Ok(Entry::Line(first)) = waiting.recv() else { panic!("a line is waiting") };
        written.extend(first.into_bytes());
        log.add("d\n".to_owned());
        drop(log);
        write(&waiting, &mut written);
        assert_eq!(String::from_utf8_lossy(&written), "a\n(2 lines were dropped here)\nd\n");
    }
}
