//! Endpoints as text for people.

use serde_json::Value;
use tidings::{Attempt, Endpoint};

use super::show;

/// `ID  webhook  active  https://a.example/hook`.
pub(super) fn line(endpoint: &Endpoint) -> String {
    let mut parts = vec![endpoint.id.clone(), endpoint.kind.clone(), endpoint.state.clone()];
    parts.extend(target(endpoint).map(|(_, value)| value));
    show::on_one_line(&parts.join("  "))
}

/// Its id, all that there is of it, and an attempt a line.
pub(super) fn table(endpoint: &Endpoint) -> String {
    let mut lines = vec![show::on_one_line(&endpoint.id)];
    let mut row = |name: &str, value: Option<String>| {
        lines.extend(value.map(|value| show::on_one_line(&format!("  {name:<18} {value}"))));
    };
    row("channel", Some(endpoint.channel.to_string()));
    row("owner", Some(endpoint.owner.clone()));
    row("kind", Some(endpoint.kind.clone()));
    for (name, value) in target(endpoint) {
        row(&name, Some(value));
    }
    row("min priority", endpoint.min_priority.clone());
    row("only when offline", endpoint.only_when_offline.then(|| "yes".to_owned()));
    row("state", Some(endpoint.state.clone()));
    row("created at", Some(endpoint.created_at.clone()));
    row("failing since", endpoint.failing_since.clone());
    row("disabled at", endpoint.disabled_at.clone());
    row("secret", endpoint.secret.clone());
    row("old secret until", endpoint.previous_until.clone());
    for of_attempts in endpoint.attempts.iter().flatten() {
        row("attempt", Some(attempt(of_attempts)));
    }
    lines.join("\n")
}

/// Where it is: of a subscription its address.
fn target(endpoint: &Endpoint) -> impl Iterator<Item = (String, String)> {
    endpoint.target.iter().map(|(name, value)| {
        let text = value.get("endpoint").unwrap_or(value);
        (name.replace('_', " "), text.as_str().map_or_else(|| Value::to_string(text), ToOwned::to_owned))
    })
}

/// `2026-11-22T20:00:00.000Z  #42, 3rd  failed: 503 after 120 ms: Overloaded`.
fn attempt(attempt: &Attempt) -> String {
    let Attempt { at, seq, attempt, outcome, status, reason, latency_ms, answer } = attempt;
    let mut shown = format!("{at}  #{seq}, {}  {outcome}", ordinal(*attempt));
    let got = status.map(|status| status.to_string()).or_else(|| reason.clone());
    for (before, said) in [(": ", got), (" after ", Some(format!("{latency_ms} ms"))), (": ", answer.clone())] {
        if let Some(said) = said.filter(|said| !said.is_empty()) {
            shown += before;
            shown += &said;
        }
    }
    shown
}

fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, ten) if ten != 11 => "st",
        (2, ten) if ten != 12 => "nd",
        (3, ten) if ten != 13 => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn endpoint() -> Endpoint {
        serde_json::from_value(json!({
            "id": "e-1", "channel": "topic:a", "owner": "ci", "kind": "webhook", "url": "https://a.example/\u{1b}",
            "min_priority": "high", "only_when_offline": true, "state": "failing",
            "created_at": "2026-11-22T20:00:00.000Z", "failing_since": "2026-11-22T21:00:00.000Z", "attempts": [
                {"at": "2026-11-22T21:00:05.000Z", "seq": 42, "attempt": 2, "outcome": "failed", "reason": "timeout",
                    "latency_ms": 15000},
                {"at": "2026-11-22T21:00:00.000Z", "seq": 42, "attempt": 1, "outcome": "failed", "status": 503,
                    "latency_ms": 12, "answer": "no\nroom"},
            ],
        }))
        .unwrap()
    }

    #[test]
    fn an_endpoint_is_shown_with_an_attempt_a_line() {
        let expected = r"e-1
  channel            topic:a
  owner              ci
  kind               webhook
  url                https://a.example/\u{1b}
  min priority       high
  only when offline  yes
  state              failing
  created at         2026-11-22T20:00:00.000Z
  failing since      2026-11-22T21:00:00.000Z
  attempt            2026-11-22T21:00:05.000Z  #42, 2nd  failed: timeout after 15000 ms
  attempt            2026-11-22T21:00:00.000Z  #42, 1st  failed: 503 after 12 ms: no\nroom";
        assert_eq!(table(&endpoint()), expected);
    }

    #[test]
    fn a_line_says_where_it_is() {
        assert_eq!(line(&endpoint()), r"e-1  webhook  failing  https://a.example/\u{1b}");
        let target = json!({"subscription": {"endpoint": "https://push.example/x"}}).as_object().unwrap().clone();
        let browser = Endpoint { kind: "web_push".to_owned(), target, ..endpoint() };
        assert_eq!(line(&browser), "e-1  web_push  failing  https://push.example/x");
    }

    #[test]
    fn attempts_are_counted_as_people_do() {
        let counted = [1, 2, 3, 4, 11, 12, 13, 21, 102, 111].map(ordinal);
        assert_eq!(counted, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th"]);
    }
}
