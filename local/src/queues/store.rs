//! Where messages are kept across restarts: a file to which each change is appended before it is answered. Whoever kills
//! us loses nothing that was; the machine's own end may lose the last moments.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::message::Message;
use crate::error::StartError;

/// A file that holds no message any more is emptied once it is this long.
const EMPTIED_AT: u64 = 4 * 1024 * 1024;

/// What a line says.
#[derive(Debug, Serialize, Deserialize)]
enum Line<M> {
    /// There is this message now, or it has changed to this.
    Is(M),
    /// A message is gone.
    Gone(u64),
}

/// The file, if messages are kept at all.
#[derive(Debug, Default)]
pub(super) struct Store {
    file: Option<File>,
    length: u64,
    /// Lines that are not written yet.
    pending: Vec<u8>,
}

impl Store {
    /// Opens the file in a folder, without what is no longer of use, and says which messages it has. Those of a queue
    /// that is not `known` are gone, as the queue is.
    pub(super) fn open(folder: &Path, known: impl Fn(&str) -> bool) -> Result<(Self, Vec<Message>), StartError> {
        let path = folder.join("queues.jsonl");
        let mut messages = read(&path).map_err(StartError::file(&path))?;
        messages.retain(|message| known(&message.queue));
        let mut store = Self::default();
        for message in &messages {
            store.is(message);
        }
        store.length = store.pending.len() as u64;
        let new = path.with_extension("new");
        std::fs::write(&new, &store.pending).map_err(StartError::file(&new))?;
        std::fs::rename(&new, &path).map_err(StartError::file(&path))?;
        store.pending.clear();
        store.file = Some(OpenOptions::new().append(true).open(&path).map_err(StartError::file(&path))?);
        Ok((store, messages))
    }

    /// Notes that a message is there, or has changed.
    pub(super) fn is(&mut self, message: &Message) {
        self.line(&Line::Is(message));
    }

    /// Notes that a message is gone.
    pub(super) fn gone(&mut self, number: u64) {
        self.line(&Line::Gone(number));
    }

    fn line(&mut self, line: &Line<&Message>) {
        // Into memory, and of what is JSON by nature.
        if serde_json::to_writer(&mut self.pending, line).is_ok() {
            self.pending.push(b'\n');
        }
    }

    /// Writes what was noted. `empty` says whether there is no message any more.
    pub(super) fn commit(&mut self, empty: bool) -> std::io::Result<()> {
        let Some(file) = &mut self.file else {
            self.pending.clear();
            return Ok(());
        };
        let written = file.write_all(&self.pending);
        match &written {
            Ok(()) => self.length += self.pending.len() as u64,
            // Half a line would spoil the next one.
            Err(_) => file.set_len(self.length)?,
        }
        self.pending.clear();
        if empty && self.length > EMPTIED_AT {
            file.set_len(0)?;
            self.length = 0;
        }
        written
    }
}

fn read(path: &Path) -> std::io::Result<Vec<Message>> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut messages = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Line<Box<Message>>>(line) {
            Ok(Line::Is(message)) => {
                messages.insert(message.number, *message);
            }
            Ok(Line::Gone(number)) => {
                messages.remove(&number);
            }
            // We were killed while we wrote it, so that it was never answered.
            Err(_) if text.ends_with(line) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(messages.into_values().collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use uuid::Uuid;

    use super::*;

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("queues-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        folder
    }

    fn kept(folder: &Path) -> Vec<u64> {
        let (_, messages) = Store::open(folder, |queue| queue == "q").expect("a store");
        messages.iter().map(|message| message.number).collect()
    }

    #[test]
    fn what_was_written_is_there_again_and_half_a_line_is_not() {
        let folder = folder();
        let (mut store, _) = Store::open(&folder, |_| true).expect("a store");
        for number in 1..=3 {
            store.is(&Message::sent_at(0, number));
        }
        store.is(&Message { queue: "other".to_owned(), ..Message::sent_at(0, 4) });
        store.gone(2);
        store.commit(false).expect("room on the disk");
        store.is(&Message::sent_at(0, 5));
        store.pending.truncate(20);
        store.commit(false).expect("room on the disk");
        assert_eq!(kept(&folder), [1, 3]);
        assert_eq!(kept(&folder), [1, 3]);
        std::fs::remove_dir_all(folder).expect("a folder of ours");
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_a_good_one() {
        let folder = folder();
        std::fs::write(folder.join("queues.jsonl"), "{\n{\"Gone\":1}\n").expect("a file");
        Store::open(&folder, |_| true).expect_err("it is damaged");
        std::fs::remove_dir_all(folder).expect("a folder of ours");
    }

    #[test]
    fn a_file_without_messages_does_not_grow_for_ever() {
        let folder = folder();
        let (mut store, _) = Store::open(&folder, |_| true).expect("a store");
        store.is(&Message { body: "x".repeat(5 * 1024 * 1024), ..Message::sent_at(0, 1) });
        store.commit(false).expect("room on the disk");
        store.gone(1);
        store.commit(true).expect("room on the disk");
        assert_eq!(std::fs::metadata(folder.join("queues.jsonl")).expect("a file").len(), 0);
        store.is(&Message::sent_at(0, 2));
        store.commit(false).expect("room on the disk");
        assert_eq!(kept(&folder), [2]);
        std::fs::remove_dir_all(folder).expect("a folder of ours");
    }
}
