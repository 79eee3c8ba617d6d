//! Texts that callers sent, none of which may stand in a log line: tokens, secrets, notifications, names.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Members of tokens, requests and frames whose texts belong to the users.
const PRIVATE: [&str; 11] =
    ["sub", "to", "channel", "channels", "subscribe", "publish", "title", "body", "url", "data", "key"];

/// Names that the API gives to fields, parameters, claims and headers, and words that log lines have anyway. All other names
/// are the callers' own.
const KNOWN: [&str; 30] = [
    "Idempotency-Key",
    "accept",
    "action",
    "address",
    "authorization",
    "channel",
    "channels",
    "collapse_key",
    "content-type",
    "deliver_at",
    "endpoint",
    "expirationTime",
    "if-none-match",
    "message",
    "min_priority",
    "number",
    "only_when_offline",
    "origin",
    "p256dh",
    "priority",
    "publish",
    "repeat",
    "status",
    "subscribe",
    "subscription",
    "target_arn",
    "ticket",
    "time_zone",
    "traceparent",
    "version",
];

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

    /// Remembers what is private in a request or frame: its texts, short ones with their names, and names of the caller's own.
    pub(crate) fn json(&self, value: &Value) {
        self.names(value);
        for (name, member) in value.as_object().into_iter().flatten() {
            if PRIVATE.contains(&name.as_str()) {
                self.text(&format!("\"{name}\":{member}"));
                self.texts(member);
            }
        }
    }

    /// Remembers a name, if it is the caller's own.
    pub(crate) fn name(&self, name: &str) {
        if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            self.text(name);
        }
    }

    fn names(&self, value: &Value) {
        for (name, member) in value.as_object().into_iter().flatten() {
            self.name(name);
            self.names(member);
        }
        value.as_array().into_iter().flatten().for_each(|value| self.names(value));
    }

    /// Remembers the channels and users in a path, and the names in its query.
    pub(crate) fn path(&self, path: &str) {
        let query = path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').for_each(|pair| self.name(pair.split('=').next().unwrap_or_default()));
        let mut before = "";
        for part in path.split(['/', '?', '&', '=']) {
            if part.contains(':') || before == "users" {
                self.text(part);
            }
            before = part;
        }
    }

    /// Adds all of it to a file, a line each, for a search of a deployed bundle's logs.
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

    /// The text of a caller's that stands in a log line, if there is one. A JSON Web Token is found even if nobody
    /// remembers it.
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
    said.json(&serde_json::json!({"collapse_key": "x", "Mr Doe's illness": {"priority": [{"of late": 1}]}}));
    assert!(said.found_in("invalid_request `Mr Doe's illness`").is_some());
    assert!(said.found_in("invalid_request `priority[0].of late`").is_some());
    assert_eq!(said.found_in("invalid_request `collapse_key`"), None);
    said.path("/v1/notifications?his+illness=1&channel=a:b");
    assert!(said.found_in("invalid_request `his+illness`").is_some());
    said.path("/v1/users/alice@example.org/connections");
    assert!(said.found_in("no alice@example.org here").is_some());
}
