//! A process' output, which is searched when the process ends.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::said::Said;

/// The output of a process so far.
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Log {
    /// Takes over these outputs: reads them until they end, and shows them where a test fails.
    pub(crate) fn of(outputs: Vec<Box<dyn Read + Send>>) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let reading = |output| {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    eprintln!("{line}");
                    lines.lock().unwrap().push(line);
                }
            })
        };
        let readers = outputs.into_iter().map(reading).collect();
        Self { lines, readers }
    }

    /// Whether a line has all of these words.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.lines.lock().unwrap().iter().any(|line| words.iter().all(|word| line.contains(word)))
    }

    /// Waits for the end of the outputs, and fails if one has what was said. Call it once the process has ended.
    pub(crate) fn assert_keeps_secret(&mut self, said: &Said) {
        for reader in self.readers.drain(..) {
            // It only reads; had it panicked, the lines would be poisoned.
            let _ = reader.join();
        }
        let lines = self.lines.lock().unwrap();
        let leak = lines.iter().find_map(|line| Some((said.found_in(line)?, line)));
        let dropped = lines.iter().any(|line| line.contains("lines were dropped here"));
        // A test that fails anyhow says why; a second panic would end all of them.
        if std::thread::panicking() {
            return;
        }
        assert!(!dropped, "the stack dropped lines of its log, so that not all could be searched");
        if let Some((text, line)) = leak {
            panic!("a log line has what a caller said, {text}: {line}");
        }
    }
}
