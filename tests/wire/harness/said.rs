//! What callers said, none of which may stand in a log line: tokens, secrets, notifications, names.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// Members of tokens, requests and frames whose texts belong to the users.
const PRIVATE: [&str; 11] =
    ["sub", "to", "channel", "channels", "subscribe", "publish", "title", "body", "url", "data", "key"];

/// Shorter texts occur by chance.
const SHORTEST: usize = 6;

/// All that was said to one bundle.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<BTreeSet<String>>>);

impl Said {
    /// Remembers a text: a token, a secret, an address.
    pub(crate) fn text(&self, text: &str) {
        if text.len() >= SHORTEST {
            self.0.lock().unwrap().insert(text.to_owned());
        }
    }

    /// Remembers a token, each part of it.
    pub(crate) fn token(&self, token: &str) {
        token.split('.').for_each(|part| self.text(part));
    }

    /// Remembers what is private in a request or frame: its texts, and short ones with their names.
    pub(crate) fn json(&self, value: &Value) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if PRIVATE.contains(&name.as_str()) {
                self.text(&format!("\"{name}\":{member}"));
                self.texts(member);
            }
        }
    }

    /// Remembers the channels and users in a path.
    pub(crate) fn path(&self, path: &str) {
        let mut before = "";
        for part in path.split(['/', '?', '&', '=']) {
            if part.contains(':') || before == "users" {
                self.text(part);
            }
            before = part;
        }
    }

    /// Adds all of it to a file, a line each, for whoever searches a deployed bundle's logs.
    pub(crate) fn write_to(&self, path: &str) {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        let lines: String = self.0.lock().unwrap().iter().map(|text| text.replace('\n', " ") + "\n").collect();
        file.write_all(lines.as_bytes()).unwrap();
    }

    fn texts(&self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(values) => values.iter().for_each(|value| self.texts(value)),
            Value::Object(members) => members.values().for_each(|value| self.texts(value)),
            _ => {}
        }
    }

    /// What of it stands in a log line, if anything. A JSON Web Token is found even if nobody remembers it.
    pub(crate) fn found_in(&self, line: &str) -> Option<String> {
        let plain = line.replace("\\\"", "\"");
        let said = self.0.lock().unwrap();
        let jwt = plain.contains("eyJ").then(|| "eyJ, which begins a token".to_owned());
        jwt.or_else(|| said.iter().find(|text| plain.contains(text.as_str())).cloned())
    }
}

/// What a process has printed so far.
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

#[test]
fn what_was_said_is_found_in_a_log_line() {
    let said = Said::default();
    said.json(&serde_json::json!({"to": ["topic:news"], "body": "x", "priority": "normal"}));
    assert_eq!(said.found_in("INFO sent to topic:news"), Some("topic:news".to_owned()));
    assert_eq!(said.found_in(r#"{"message":"got {\"body\":\"x\"}"}"#), Some("\"body\":\"x\"".to_owned()));
    assert!(said.found_in("token eyJhbGciOi…").is_some());
    assert_eq!(said.found_in("INFO normal"), None);
    said.path("/v1/users/alice@example.org/connections");
    assert!(said.found_in("no alice@example.org here").is_some());
}
