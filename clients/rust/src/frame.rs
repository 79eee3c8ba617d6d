//! The frames of the socket, in both directions.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::channel::Channel;
use crate::item::Item;

/// A client's frame. A channel name has at most 213 characters, so none comes near the 32 KB that a frame may have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "action", rename_all = "lowercase")]
pub(crate) enum ClientFrame {
    /// Join a channel, and replay what came after a seq.
    Subscribe {
        channel: Channel,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<u64>,
        #[serde(rename = "ref")]
        reference: u64,
    },
    /// Show that the connection is alive.
    Ping,
}

impl ClientFrame {
    /// The frame as it is sent.
    pub(crate) fn to_json(&self) -> String {
        // Strings and numbers have no way to fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A server's frame, as far as a listener cares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServerFrame {
    /// Live, or replayed for the question that `reference` names.
    Notifications { channel: Channel, items: Vec<Item>, reference: Option<u64> },
    /// The answer to a `subscribe`.
    Subscribed(Subscribed),
    /// The refusal of a frame.
    Error(Refusal),
    /// API Gateway's own error: a frame without `type`. It does not say which frame failed.
    Gateway(String),
    /// `pong`, and what answers frames that a listener does not send.
    Other,
}

/// The content of `subscribed`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Subscribed {
    /// The cursor to go on with.
    pub(crate) seq: u64,
    /// Whether nothing between the asked seq and `seq` may have expired unseen.
    #[serde(default = "yes")]
    pub(crate) recovered: bool,
    /// Whether the asked seq lies beyond the log.
    #[serde(default)]
    pub(crate) reset: bool,
    /// Whether asking again at once gives more.
    #[serde(default)]
    pub(crate) more: bool,
    /// Repeats the question's.
    #[serde(rename = "ref")]
    pub(crate) reference: Option<u64>,
}

/// The content of `error`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Refusal {
    /// The stable reason.
    pub(crate) code: String,
    /// The same for people.
    #[serde(default)]
    pub(crate) detail: String,
    /// Repeats the question's.
    #[serde(rename = "ref")]
    pub(crate) reference: Option<u64>,
    /// After how many seconds the same question may be answered.
    #[serde(default)]
    pub(crate) retry_after: Option<u32>,
}

/// The fields by which frames differ. API Gateway's own frame has no `type`. A later release may send other JSON than strings here.
#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

/// The items are read one by one: none may take the others with it.
#[derive(Deserialize)]
struct Notifications {
    channel: Channel,
    items: Vec<Box<RawValue>>,
    #[serde(rename = "replay")]
    reference: Option<u64>,
}

fn yes() -> bool {
    true
}

impl ServerFrame {
    /// Reads a frame. One of a kind or form that this release does not know counts for nothing: what it answers is asked again.
    ///
    /// # Errors
    /// It is not JSON, or brings notifications that have the same place.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let Kind { r#type, message } = serde_json::from_str(text)?;
        let string = |value: &RawValue| serde_json::from_str::<String>(value.get()).ok();
        let Some(kind) = r#type else {
            return Ok(Self::Gateway(message.and_then(string).unwrap_or_else(|| "no type".to_owned())));
        };
        match string(kind).as_deref() {
            Some("notifications") => Self::parse_notifications(text),
            Some("subscribed") => Ok(serde_json::from_str(text).map_or(Self::Other, Self::Subscribed)),
            Some("error") => Ok(serde_json::from_str(text).map_or(Self::Other, Self::Error)),
            _ => Ok(Self::Other),
        }
    }

    fn parse_notifications(text: &str) -> Result<Self, serde_json::Error> {
        let Notifications { channel, items, reference } = serde_json::from_str(text)?;
        let items = items.iter().map(|item| Item::read(item.get())).collect::<Result<_, _>>()?;
        Ok(Self::Notifications { channel, items, reference })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_subscribe_without_a_cursor_has_no_after() {
        let channel: Channel = "topic:news".parse().unwrap();
        let frame = |after| ClientFrame::Subscribe { channel: channel.clone(), after, reference: 1 }.to_json();
        let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        assert_eq!(read(frame(None)), json!({"action": "subscribe", "channel": "topic:news", "ref": 1}));
        assert_eq!(
            read(frame(Some(41))),
            json!({"action": "subscribe", "channel": "topic:news", "after": 41, "ref": 1})
        );
        assert_eq!(ClientFrame::Ping.to_json(), r#"{"action":"ping"}"#);
    }

    #[test]
    fn the_contracts_frames_are_read() {
        let text = r#"{"type": "subscribed", "channel": "topic:news", "seq": 43, "recovered": false, "reset": true,
            "more": true, "unread": 2, "ref": 1}"#;
        let expected = Subscribed { seq: 43, recovered: false, reset: true, more: true, reference: Some(1) };
        assert_eq!(ServerFrame::parse(text).unwrap(), ServerFrame::Subscribed(expected));

        let text = r#"{"type": "error", "code": "forbidden", "detail": "no", "ref": 1}"#;
        let refusal = |code: &str, retry_after| {
            ServerFrame::Error(Refusal {
                code: code.to_owned(),
                detail: "no".to_owned(),
                reference: Some(1),
                retry_after,
            })
        };
        assert_eq!(ServerFrame::parse(text).unwrap(), refusal("forbidden", None));
        let text = r#"{"type": "error", "code": "too_many_replays", "detail": "no", "retry_after": 90, "ref": 1}"#;
        assert_eq!(ServerFrame::parse(text).unwrap(), refusal("too_many_replays", Some(90)));

        assert_eq!(ServerFrame::parse(r#"{"type": "pong"}"#).unwrap(), ServerFrame::Other);
        let text = r#"{"message": "Internal server error", "connectionId": "x", "requestId": "y"}"#;
        assert_eq!(ServerFrame::parse(text).unwrap(), ServerFrame::Gateway("Internal server error".to_owned()));
        assert!(ServerFrame::parse("<html>").is_err());
    }

    #[test]
    fn frames_of_later_releases_cost_no_connection() {
        for text in [
            r#"{"type": "marked", "message": {"text": "new"}}"#,
            r#"{"type": {"kind": "marked"}}"#,
            r#"{"type": "error", "message": 7, "code": {"of": "another form"}}"#,
            r#"{"type": "subscribed", "seq": "forty"}"#,
        ] {
            assert_eq!(ServerFrame::parse(text).unwrap(), ServerFrame::Other, "{text}");
        }
        let unnamed = ServerFrame::parse(r#"{"message": {"text": "new"}}"#).unwrap();
        assert_eq!(unnamed, ServerFrame::Gateway("no type".to_owned()));
    }

    #[test]
    fn an_item_keeps_the_fields_that_it_does_not_know() {
        let item =
            json!({"seq": 42, "id": "x", "sent_at": "2026-11-21T19:45:00.123Z", "body": "b", "priority": "high"});
        let text = json!({"type": "notifications", "channel": "user:alice", "items": [item]}).to_string();
        let ServerFrame::Notifications { items, .. } = ServerFrame::parse(&text).unwrap() else { panic!("{text}") };
        assert_eq!(serde_json::to_value(&items[0]).unwrap(), item);
    }

    #[test]
    fn an_item_that_cannot_be_read_keeps_its_place_and_its_text() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        for data in [deep.as_str(), "1e999", r#""\ud800""#] {
            let poison = format!(r#"{{"seq":2,"data":{data}}}"#);
            let text =
                format!(r#"{{"type":"notifications","channel":"user:a","items":[{{"seq":1}},{poison},{{"seq":3}}]}}"#);
            let ServerFrame::Notifications { items, .. } = ServerFrame::parse(&text).unwrap() else { panic!("{text}") };
            assert_eq!(items.iter().map(|item| item.seq).collect::<Vec<_>>(), [Some(1), Some(2), Some(3)]);
            assert_eq!(items[1].raw.as_deref(), Some(poison.as_str()));
            assert_eq!((&items[0].raw, &items[2].raw), (&None, &None));
        }
    }

    #[test]
    fn an_item_without_a_readable_place_makes_the_frame_unreadable() {
        for item in ["7", r#"{"seq": "1"}"#, r#"{"seq": -1}"#] {
            let text = format!(r#"{{"type": "notifications", "channel": "user:a", "items": [{item}]}}"#);
            assert!(ServerFrame::parse(&text).is_err(), "{item}");
        }
    }
}
