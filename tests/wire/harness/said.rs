//! What callers said, none of which may stand in a log line: tokens, secrets, notifications, names.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

/// Members of tokens, requests and frames whose texts belong to the users.
const PRIVATE: [&str; 8] = ["sub", "to", "channel", "title", "body", "url", "data", "key"];

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

    /// Remembers what is private in a request or frame: its texts, and short ones with their names.
    pub(crate) fn json(&self, value: &Value) {
        for (name, member) in value.as_object().into_iter().flatten() {
            if PRIVATE.contains(&name.as_str()) {
                self.text(&format!("\"{name}\":{member}"));
                self.texts(member);
            }
        }
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

/// Reads what a process prints until it ends, shows it, and searches it.
pub(crate) struct Log(Vec<JoinHandle<Vec<String>>>);

impl Log {
    /// Takes over these outputs.
    pub(crate) fn of(outputs: Vec<Box<dyn Read + Send>>) -> Self {
        let reading = |output| {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            std::thread::spawn(move || lines.inspect(|line| eprintln!("{line}")).collect())
        };
        Self(outputs.into_iter().map(reading).collect())
    }

    /// Waits for the end of the outputs, and fails if one has what was said. Call it once the process has ended.
    pub(crate) fn assert_keeps_secret(&mut self, said: &Said) {
        let lines: Vec<String> = self.0.drain(..).flat_map(|reader| reader.join().unwrap_or_default()).collect();
        let leak = lines.iter().find_map(|line| Some((said.found_in(line)?, line)));
        // A test that fails anyhow says why; a second panic would end all of them.
        if let Some((text, line)) = leak.filter(|_| !std::thread::panicking()) {
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
}
