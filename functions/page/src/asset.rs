//! The page's files besides its HTML, part of the binary.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

macro_rules! files {
    ($($name:literal,)*) => {
        [$(($name, include_str!(concat!("../assets/", $name))),)*]
    };
}

const FILES: [(&str, &str); 17] = files![
    "api.js",
    "ask.js",
    "channels.js",
    "element.js",
    "icon.svg",
    "item.js",
    "page.css",
    "page.js",
    "push.js",
    "scheduled.js",
    "send.js",
    "session.js",
    "stream.js",
    "tidings.js",
    "time.js",
    "unread.js",
    "worker.js",
];

/// A file of the page.
#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    /// Changes when the text does.
    pub(crate) etag: String,
}

impl Asset {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        FILES.into_iter().map(|(name, text)| Self { name, text, etag: etag(text) }).collect()
    }

    pub(crate) fn content_type(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        }
    }
}

fn etag(text: &str) -> String {
    let hash = Sha256::digest(text);
    let mut etag = String::from("\"");
    for byte in &hash[..16] {
        // Writing to a string has no way to fail.
        let _ = write!(etag, "{byte:02x}");
    }
    etag + "\""
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets")).unwrap();
        let files: BTreeSet<_> = folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let mut served: BTreeSet<_> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        served.insert("index.html".to_owned());
        assert_eq!(files, served);
    }

    #[test]
    fn modules_import_one_another_by_names_that_are_served() {
        for (name, text) in FILES.into_iter().filter(|(name, _)| name.ends_with(".js")) {
            for import in text.lines().filter_map(|line| line.strip_prefix("import ")) {
                let from = import.split('"').nth(1).and_then(|from| from.strip_prefix("./"));
                assert!(FILES.iter().any(|(file, _)| Some(*file) == from), "{name}: {import}");
            }
        }
    }

    #[test]
    fn an_etag_is_a_quoted_hash_of_the_text() {
        assert_eq!(etag(""), "\"e3b0c44298fc1c149afbf4c8996fb924\"");
        assert_ne!(etag("a"), etag("b"));
    }
}
