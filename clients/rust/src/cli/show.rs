//! Text for people: a notification as a line, and other answers as a table.

use tidings::{Channel, Item};

/// `user:alice #42  Title — body  url {data}`.
pub(super) fn line(channel: &Channel, item: &Item) -> String {
    let mut parts = vec![place(channel, item.seq)];
    let text: Vec<String> = [&item.title, &item.body].into_iter().flatten().map(|text| on_one_line(text)).collect();
    if !text.is_empty() {
        parts.push(text.join(" — "));
    }
    let links = item.url.iter().chain(&item.raw).map(|text| on_one_line(text));
    let rest: Vec<String> = links.chain(item.data.iter().map(json)).collect();
    if !rest.is_empty() {
        parts.push(rest.join(" "));
    }
    parts.join("  ")
}

/// `user:alice #42`; without the seq where there is none.
pub(super) fn place(channel: &Channel, seq: Option<u64>) -> String {
    seq.map_or_else(|| channel.to_string(), |seq| format!("{channel} #{seq}"))
}

/// A line for the whole, and one a value: `–` where there is none.
pub(super) fn table(of: &str, rows: impl IntoIterator<Item = (&'static str, Option<String>)>) -> String {
    let value = |value: Option<String>| value.map_or_else(|| "–".to_owned(), |value| on_one_line(&value));
    let lines = rows.into_iter().map(|(name, of_row)| format!("\n  {name:<12} {}", value(of_row)));
    std::iter::once(on_one_line(of)).chain(lines).collect()
}

/// A text of a publisher's, which must neither end the line nor steer the terminal.
pub(super) fn on_one_line(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

/// JSON escapes the lower control characters only.
fn json(value: &serde_json::Value) -> String {
    on_one_line(&value.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(item: serde_json::Value) -> String {
        line(&"user:alice".parse().unwrap(), &serde_json::from_value(item).unwrap())
    }

    #[test]
    fn a_line_says_what_there_is() {
        let full = json!({"seq": 42, "title": "Title", "body": "body", "url": "https://x.y", "data": {"a": 1}});
        assert_eq!(shown(full), r#"user:alice #42  Title — body  https://x.y {"a":1}"#);
        assert_eq!(shown(json!({"seq": 1, "body": "b"})), "user:alice #1  b");
        assert_eq!(shown(json!({"data": 7})), "user:alice  7");
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_it_came() {
        let item = Item { seq: Some(1), raw: Some(r#"{"seq":1,"data":1e999}"#.to_owned()), ..Item::default() };
        assert_eq!(line(&"topic:a".parse().unwrap(), &item), r#"topic:a #1  {"seq":1,"data":1e999}"#);
    }

    #[test]
    fn a_publisher_cannot_steer_the_terminal() {
        assert_eq!(
            shown(json!({"title": "a\nb\u{1b}[2J", "data": "\u{9b}"})),
            r#"user:alice  a\nb\u{1b}[2J  "\u{9b}""#
        );
    }
}
