//! The time of functions and schedules: the machine's own, or ahead of it by a set difference.
//!
//! libfaketime, loaded into the functions' processes, reads the difference from a file each time that a process asks for the
//! time.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::error::StartError;

/// The names of the files by which libfaketime shares state between processes. It removes them only after a process that ends by
/// itself.
const SHARED: [&str; 2] = ["/dev/shm/faketime_shm_", "/dev/shm/sem.faketime_sem_"];

/// A clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    ahead_ms: watch::Sender<i64>,
    faketime: Option<Faketime>,
}

/// The file from which processes read the time.
#[derive(Debug)]
struct Faketime {
    library: PathBuf,
    /// The file with the difference.
    file: PathBuf,
    /// The folder to remove at the end, if it is the clock's own.
    temporary: Option<PathBuf>,
    writing: Mutex<()>,
}

impl Clock {
    /// The machine's time. With the library the time can be changed, by a file in `data` or else in a temporary folder.
    pub(crate) fn open(library: Option<&Path>, data: Option<&Path>) -> Result<Self, StartError> {
        let Some(library) = library else { return Ok(Self::default()) };
        let library = library.canonicalize().map_err(StartError::file(library))?;
        let temporary = match data {
            Some(_) => None,
            None => Some(std::env::temp_dir().join(format!("local-stack-{:016x}", rand::random::<u64>()))),
        };
        let folder = data.or(temporary.as_deref()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(StartError::file(folder))?;
        let file = folder.canonicalize().map_err(StartError::file(folder))?.join("clock");
        let faketime = Faketime { library, file, temporary, writing: Mutex::default() };
        faketime.write(0).map_err(StartError::file(&faketime.file))?;
        Ok(Self { faketime: Some(faketime), ..Self::default() })
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(SignedDuration::from_millis(self.ahead_ms())).unwrap_or(now)
    }

    /// The difference to the machine's time.
    pub(crate) fn ahead_ms(&self) -> i64 {
        *self.ahead_ms.borrow()
    }

    /// Sets the difference, for every process too.
    pub(crate) fn set(&self, ahead_ms: i64) -> Result<(), String> {
        let faketime = self.faketime.as_ref();
        let faketime =
            faketime.ok_or("the clock can be changed only if the stack was started with --faketime LIBRARY")?;
        Timestamp::now()
            .checked_add(SignedDuration::from_millis(ahead_ms))
            .map_err(|_| format!("ahead_ms: {ahead_ms} leads out of all calendars"))?;
        let _one_at_a_time = faketime.writing.lock().unwrap_or_else(PoisonError::into_inner);
        faketime.write(ahead_ms).map_err(|error| format!("{}: {error}", faketime.file.display()))?;
        self.ahead_ms.send_replace(ahead_ms);
        Ok(())
    }

    /// Sends each change of the difference.
    pub(crate) fn jumps(&self) -> watch::Receiver<i64> {
        self.ahead_ms.subscribe()
    }

    /// The variables that put a process under this clock. Its timers still follow the machine's time.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let Some(Faketime { library, file, .. }) = &self.faketime else { return Vec::new() };
        let variables = [
            ("LD_PRELOAD", library.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Removes the files of a process that has ended.
    pub(crate) fn forget(&self, pid: u32) {
        if self.faketime.is_some() {
            for name in SHARED {
                // The process may have removed them itself.
                let _ = std::fs::remove_file(format!("{name}{pid}"));
            }
        }
    }

    /// Removes the files that nobody needs when the stack has ended.
    pub(crate) fn close(&self) {
        if let Some(folder) = self.faketime.as_ref().and_then(|faketime| faketime.temporary.as_ref()) {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Faketime {
    /// Replaces the file at once: a process reads either the old difference or the new one.
    fn write(&self, ahead_ms: i64) -> std::io::Result<()> {
        let new = self.file.with_extension("new");
        std::fs::write(&new, offset(ahead_ms))?;
        std::fs::rename(new, &self.file)
    }
}

/// The difference in libfaketime's form: seconds with a sign.
fn offset(ahead_ms: i64) -> String {
    let sign = if ahead_ms < 0 { '-' } else { '+' };
    let ahead = ahead_ms.unsigned_abs();
    format!("{sign}{}.{:03}\n", ahead / 1000, ahead % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_reads_seconds_with_a_sign() {
        for (ahead_ms, text) in [(0, "+0.000\n"), (3_600_050, "+3600.050\n"), (-1, "-0.001\n"), (-90_500, "-90.500\n")]
        {
            assert_eq!(offset(ahead_ms), text);
        }
    }

    #[test]
    fn without_the_library_the_clock_cannot_be_changed() {
        let error = Clock::default().set(1).expect_err("no process would know");
        assert!(error.contains("--faketime"), "{error}");
    }

    #[test]
    fn a_clock_is_ahead_and_back_again_and_leaves_nothing() {
        // Any file will do: none is loaded here.
        let library = std::env::current_exe().expect("this program");
        let clock = Clock::open(Some(&library), None).expect("a clock");
        let variables = clock.variables();
        let file = Path::new(&variables[1].1);
        for ahead_ms in [3_600_500, -86_400_000, 0] {
            clock.set(ahead_ms).expect("it can be set");
            assert_eq!(clock.ahead_ms(), ahead_ms);
            assert_eq!(std::fs::read_to_string(file).expect("the file"), offset(ahead_ms));
            let ahead = clock.now().duration_since(Timestamp::now()).as_millis();
            assert!((ahead - i128::from(ahead_ms)).abs() < 1000, "{ahead}");
        }
        clock.set(i64::MAX).expect_err("there is no such year");
        clock.close();
        assert!(!file.exists());
    }
}
