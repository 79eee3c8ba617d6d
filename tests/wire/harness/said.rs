//! What callers said, none of which may stand in a log line: tokens, secrets, notifications, names.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

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
