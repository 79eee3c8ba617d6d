//! A file that keeps messages or events across restarts. Each change is appended before it is answered. A stack that is killed
//! loses nothing that it answered; a machine that stops may lose the last moments.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{ErrorKind, Write},
    path::Path,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::StartError;

/// The length from which a file without any content is emptied.
const EMPTIED_AT: u64 = 4 * 1024 * 1024;

/// A value that a store keeps.
pub(crate) trait Kept: Serialize + DeserializeOwned {
    /// The number that no other value of the file has.
    fn number(&self) -> u64;
}

/// A line of the file.
#[derive(Debug, Serialize, Deserialize)]
enum Line<T> {
    /// The value is new, or has changed to this.
    Is(T),
    /// The value of this number is gone.
    Gone(u64),
}

/// The file, if anything is kept at all.
#[derive(Debug, Default)]
pub(crate) struct Store {
    file: Option<File>,
    length: u64,
    /// Lines that are not written yet.
    pending: Vec<u8>,
}

impl Store {
    /// Opens the file, drops lines that are out of date, and returns its values by number. Values that are not `wanted` are
    /// dropped.
    pub(crate) fn open<T: Kept>(path: &Path, wanted: impl Fn(&T) -> bool) -> Result<(Self, Vec<T>), StartError> {
        let mut kept = read(path).map_err(StartError::file(path))?;
        kept.retain(wanted);
        let mut store = Self::default();
        for one in &kept {
            store.is(one);
        }
        store.length = store.pending.len() as u64;
        let new = path.with_extension("new");
        std::fs::write(&new, &store.pending).map_err(StartError::file(&new))?;
        std::fs::rename(&new, path).map_err(StartError::file(path))?;
        store.pending.clear();
        store.file = Some(OpenOptions::new().append(true).open(path).map_err(StartError::file(path))?);
        Ok((store, kept))
    }

    /// Records that a value is new, or has changed.
    pub(crate) fn is<T: Kept>(&mut self, one: &T) {
        self.line(&Line::Is(one));
    }

    /// Records that the value of this number is gone.
    pub(crate) fn gone(&mut self, number: u64) {
        self.line(&Line::<()>::Gone(number));
    }

    fn line<T: Serialize>(&mut self, line: &Line<T>) {
        // Into memory, and of a type that JSON can always write.
        if serde_json::to_writer(&mut self.pending, line).is_ok() {
            self.pending.push(b'\n');
        }
    }

    /// Writes the recorded changes. `empty` says whether no value is left.
    pub(crate) fn commit(&mut self, empty: bool) -> std::io::Result<()> {
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

fn read<T: Kept>(path: &Path) -> std::io::Result<Vec<T>> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read?,
    };
    let mut kept = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice::<Line<T>>(line) {
            Ok(Line::Is(one)) => {
                kept.insert(one.number(), one);
            }
            Ok(Line::Gone(number)) => {
                kept.remove(&number);
            }
            // The stack was killed while it wrote the line, and so never answered.
            Err(_) if text.ends_with(line) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(kept.into_values().collect())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use uuid::Uuid;

    use super::*;
    use crate::queues::Message;

    fn file() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("store-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        folder.join("kept.jsonl")
    }

    fn open(file: &Path) -> Result<(Store, Vec<Message>), StartError> {
        Store::open(file, |message: &Message| message.queue == "q")
    }

    fn kept(file: &Path) -> Vec<u64> {
        let (_, messages) = open(file).expect("a store");
        messages.iter().map(|message| message.number).collect()
    }

    fn remove(file: &Path) {
        std::fs::remove_dir_all(file.parent().expect("its folder")).expect("a folder of ours");
    }

    #[test]
    fn what_was_written_is_there_again_and_half_a_line_is_not() {
        let file = file();
        let (mut store, _) = open(&file).expect("a store");
        for number in 1..=3 {
            store.is(&Message::sent_at(0, number));
        }
        store.is(&Message { queue: "other".to_owned(), ..Message::sent_at(0, 4) });
        store.gone(2);
        store.commit(false).expect("room on the disk");
        store.is(&Message::sent_at(0, 5));
        store.pending.truncate(20);
        store.commit(false).expect("room on the disk");
        assert_eq!(kept(&file), [1, 3]);
        assert_eq!(kept(&file), [1, 3]);
        remove(&file);
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_a_good_one() {
        let file = file();
        std::fs::write(&file, "{\n{\"Gone\":1}\n").expect("a file");
        open(&file).expect_err("it is damaged");
        remove(&file);
    }

    #[test]
    fn a_file_without_messages_does_not_grow_for_ever() {
        let file = file();
        let (mut store, _) = open(&file).expect("a store");
        store.is(&Message { body: "x".repeat(5 * 1024 * 1024), ..Message::sent_at(0, 1) });
        store.commit(false).expect("room on the disk");
        store.gone(1);
        store.commit(true).expect("room on the disk");
        assert_eq!(std::fs::metadata(&file).expect("a file").len(), 0);
        store.is(&Message::sent_at(0, 2));
        store.commit(false).expect("room on the disk");
        assert_eq!(kept(&file), [2]);
        remove(&file);
    }
}
