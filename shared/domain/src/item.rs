//! A stored notification as clients see it, and the frames that carry it.

use serde::Deserialize;
use serde_json::Value;

use super::channel::Channel;
use super::content::{Content, Priority};
use super::refusal::{Code, Refusal};
use super::seq::Seq;
use super::time::Millis;

/// API Gateway's limit for one WebSocket frame, in bytes.
pub const MAX_FRAME: usize = 32 * 1024;

/// Every seq is shorter in JSON: 2^53 has 16 digits.
const LONGEST_SEQ: Seq = Seq(9_999_999_999_999_999);

/// A notification, but for its place in a log: in every channel that it was sent to it is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The notification's id.
    pub id: String,
    /// When it was accepted.
    pub sent_at: Millis,
    /// [`Content`] in JSON; never an empty object.
    pub content: String,
    /// The priority, which the content has as well.
    pub priority: Priority,
}

impl Item {
    /// Puts the publisher's part behind an id and a time.
    #[must_use]
    pub fn new(id: String, sent_at: Millis, content: &Content) -> Self {
        let priority = content.priority.unwrap_or(Priority::Normal);
        // A struct of strings and JSON values has no way to fail.
        let content = serde_json::to_string(content).unwrap_or_default();
        Self { id, sent_at, content, priority }
    }

    /// The same from a content that was stored in JSON.
    #[must_use]
    pub fn stored(id: String, sent_at: Millis, content: String) -> Self {
        let priority = priority(&content);
        Self { id, sent_at, content, priority }
    }

    /// The item in JSON, with its place in a log if it has one.
    #[must_use]
    pub fn to_json(&self, seq: Option<Seq>) -> String {
        json(&self.id, self.sent_at, &self.content, seq)
    }

    /// Refuses a notification that would not fit one frame of `channel`, whatever its seq.
    ///
    /// # Errors
    /// `notification_too_large`.
    pub fn check_fits(&self, channel: &Channel) -> Result<(), Refusal> {
        let size = frame_length(channel, self);
        if size <= MAX_FRAME {
            return Ok(());
        }
        let detail = format!(
            "the notification has {size} bytes with its envelope, and a frame holds {MAX_FRAME}; send less, or a link to the content"
        );
        Err(Refusal::new(Code::NotificationTooLarge, detail))
    }
}

/// The priority in a content in JSON.
#[must_use]
pub fn priority(content: &str) -> Priority {
    #[derive(Deserialize)]
    struct PriorityField {
        priority: Option<Priority>,
    }
    let part = serde_json::from_str::<PriorityField>(content).ok();
    part.and_then(|part| part.priority).unwrap_or(Priority::Normal)
}

/// An item in JSON. Its content goes in as it was stored, without being read again.
#[must_use]
pub fn json(id: &str, sent_at: Millis, content: &str, seq: Option<Seq>) -> String {
    let seq = seq.map(|seq| format!("\"seq\":{seq},")).unwrap_or_default();
    let (sent_at, content) = (sent_at.rfc3339(), content.trim_start_matches('{'));
    format!("{{{seq}\"id\":\"{id}\",\"sent_at\":\"{sent_at}\",{content}")
}

/// The length of a frame with one item at the longest seq, in bytes.
fn frame_length(channel: &Channel, item: &Item) -> usize {
    let envelope = json("", item.sent_at, "{", Some(LONGEST_SEQ)).len();
    frame(channel, &[]).len() + envelope + item.id.len() + item.content.trim_start_matches('{').len()
}

/// One frame with these items, each in JSON.
#[must_use]
pub fn frame(channel: &Channel, items: &[String]) -> String {
    format!("{}{}]}}", head(channel), items.join(","))
}

/// As many items a frame as fit, in order, each frame with the `ref` of the question that it is replayed for, as `replay`. An item that
/// fills a frame stands alone, and without that if it has no room.
#[must_use]
pub fn frames(channel: &Channel, items: Vec<String>, reference: Option<&Value>) -> Vec<String> {
    let tail = reference.map_or_else(|| "]}".to_owned(), |reference| format!("],\"replay\":{reference}}}"));
    let room = MAX_FRAME - head(channel).len() - tail.len();
    let frame = |channel: &Channel, items: &[String]| {
        let replayed = format!("{}{}{tail}", head(channel), items.join(","));
        if replayed.len() > MAX_FRAME { frame(channel, items) } else { replayed }
    };
    let mut frames = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut size = 0;
    for item in items {
        if !open.is_empty() && size + 1 + item.len() > room {
            frames.push(frame(channel, &std::mem::take(&mut open)));
            size = 0;
        }
        size += item.len() + usize::from(!open.is_empty());
        open.push(item);
    }
    if !open.is_empty() {
        frames.push(frame(channel, &open));
    }
    frames
}

/// A channel's name needs no escaping in JSON: its grammar has neither quotes nor backslashes.
fn head(channel: &Channel) -> String {
    format!("{{\"type\":\"notifications\",\"channel\":\"{channel}\",\"items\":[")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn news() -> Channel {
        Channel::parse("topic:news").unwrap()
    }

    fn item(body: &str) -> Item {
        let content = json!({ "body": body }).to_string();
        Item::stored("i".into(), Millis(0), content)
    }

    #[test]
    fn an_item_is_one_json_object_with_or_without_a_seq() {
        let read = |seq| serde_json::from_str::<Value>(&item("{\"").to_json(seq)).unwrap();
        assert_eq!(
            read(Some(Seq(42))),
            json!({"seq": 42, "id": "i", "sent_at": "1970-01-01T00:00:00.000Z", "body": "{\""})
        );
        assert_eq!(read(None)["seq"], Value::Null);
    }

    #[test]
    fn the_largest_notification_that_is_taken_fits_one_frame_at_any_seq() {
        let largest = item(&"x".repeat(longest_body()));
        assert!(largest.check_fits(&news()).is_ok());
        assert_eq!(frame(&news(), &[largest.to_json(Some(LONGEST_SEQ))]).len(), MAX_FRAME);
        let larger = item(&"x".repeat(longest_body() + 1));
        assert_eq!(larger.check_fits(&news()).unwrap_err().code, Code::NotificationTooLarge);
    }

    /// The longest body that [`Item::check_fits`] takes.
    fn longest_body() -> usize {
        MAX_FRAME - frame(&news(), &[item("").to_json(Some(LONGEST_SEQ))]).len()
    }

    #[test]
    fn an_item_that_fills_a_frame_goes_without_a_reference() {
        let full = item(&"x".repeat(longest_body())).to_json(Some(LONGEST_SEQ));
        let frames = frames(&news(), vec![full.clone(), full], Some(&json!("r")));
        assert_eq!(frames.iter().map(String::len).collect::<Vec<_>>(), [MAX_FRAME, MAX_FRAME]);
    }

    #[test]
    fn an_item_has_the_priority_of_its_content() {
        for (text, priority) in [
            (r#"{"title":"t"}"#, Priority::Normal),
            (r#"{"title":"t","priority":"high"}"#, Priority::High),
            (r#"{"title":"t","priority":"low"}"#, Priority::Low),
        ] {
            let content: Content = serde_json::from_str(text).unwrap();
            assert_eq!(Item::new("i".into(), Millis(0), &content).priority, priority, "{text}");
            assert_eq!(Item::stored("i".into(), Millis(0), text.into()).priority, priority, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_frame_is_as_long_as_it_was_counted(body in "\\PC{0,200}", now in 0..4_102_444_800_000_i64) {
            let item = Item { sent_at: Millis(now), ..item(&body) };
            prop_assert_eq!(frame_length(&news(), &item), frame(&news(), &[item.to_json(Some(LONGEST_SEQ))]).len());
        }

        #[test]
        fn frames_keep_every_item_in_order_within_the_limit(
            sizes in prop::collection::vec(0..=longest_body(), 0..20),
            reference in prop::option::of("[a-z]{1,100}".prop_map(Value::from)),
        ) {
            let items: Vec<_> = sizes.iter().zip(1..).map(|(size, n)| item(&"x".repeat(*size)).to_json(Some(Seq(n)))).collect();
            let frames = frames(&news(), items, reference.as_ref());
            let mut seqs = Vec::new();
            for frame in &frames {
                prop_assert!(frame.len() <= MAX_FRAME);
                let has_room = frame.len() < MAX_FRAME - 120;
                let frame: Value = serde_json::from_str(frame).unwrap();
                prop_assert!(frame.get("replay") == reference.as_ref() || (frame.get("replay").is_none() && !has_room));
                seqs.extend(frame["items"].as_array().unwrap().iter().map(|item| item["seq"].as_u64().unwrap()));
            }
            prop_assert_eq!(seqs, (1..=sizes.len() as u64).collect::<Vec<_>>());
        }
    }
}
