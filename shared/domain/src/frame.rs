//! The frames that a client sends over its socket, and the answers that are not notifications.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::channel::Channel;
use super::refusal::{Code, Refusal};
use super::request::{self, Limit, Object};
use super::send::{IdempotencyKey, SendRequest};
use super::seq::Seq;

/// The most bytes of a `ref`, in JSON.
const MAX_REF: usize = 256;

/// A client's frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// The `ref` that the answer repeats, so that the client knows which frame it answers.
    pub reference: Option<Value>,
    /// The action, or the reason why there is none.
    pub action: Result<Action, Refusal>,
}

/// The actions of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Join a channel, and hear what came after a seq.
    Subscribe(Subscribe),
    /// Leave a channel.
    Unsubscribe(Unsubscribe),
    /// Mark an inbox as read.
    Read(Read),
    /// Send a notification.
    Publish(Box<SendRequest>, Option<IdempotencyKey>),
    /// Ask whether somebody is there. API Gateway answers by itself whatever it can read; this is for the rest, such as a frame
    /// with a byte order mark.
    Ping,
}

/// The fields of `subscribe`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscribe {
    /// The channel to join.
    pub channel: Channel,
    /// The seq that the client has; without one it gets the newest notifications.
    pub after: Option<Seq>,
}

/// The fields of `unsubscribe`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unsubscribe {
    /// The channel to leave.
    pub channel: Channel,
}

/// The fields of `read`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The user's own channel.
    pub channel: Channel,
    /// The newest seq that was read.
    pub seq: Seq,
}

impl Frame {
    /// Reads a frame. A refusal carries the frame's `ref` where that can be read.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut fields = match request::object(text.as_bytes(), Limit::Frame) {
            Ok(fields) => fields,
            Err(refusal) => {
                return Self { reference: None, action: Err(refusal) };
            }
        };
        match take_reference(&mut fields) {
            Ok(reference) => {
                let action = action(fields);
                // As API Gateway's own answer to it, a pong repeats nothing.
                Self { reference: reference.filter(|_| action != Ok(Action::Ping)), action }
            }
            Err(refusal) => Self { reference: None, action: Err(refusal) },
        }
    }
}

fn take_reference(object: &mut Object) -> Result<Option<Value>, Refusal> {
    match object.fields.remove("ref") {
        None | Some(Value::Null) => Ok(None),
        Some(value @ (Value::String(_) | Value::Number(_))) if value.to_string().len() <= MAX_REF => Ok(Some(value)),
        Some(_) => Err(Refusal::field("ref", format!("give a number, or a text of at most {MAX_REF} bytes"))),
    }
}

fn action(mut fields: Object) -> Result<Action, Refusal> {
    let name = match fields.fields.remove("action") {
        Some(Value::String(name)) => name,
        Some(_) => return Err(Refusal::field("action", "give a text")),
        None => return Err(Refusal::field("action", "is required")),
    };
    match name.as_str() {
        "subscribe" => request::fields(fields).map(Action::Subscribe),
        "unsubscribe" => request::fields(fields).map(Action::Unsubscribe),
        "read" => request::fields(fields).map(Action::Read),
        "publish" => publish(fields),
        "ping" => Ok(Action::Ping),
        _ => {
            let reason = "there are `subscribe`, `unsubscribe`, `read`, `publish` and `ping`";
            Err(Refusal::field_with(Code::UnknownAction, "action", reason))
        }
    }
}

fn publish(mut fields: Object) -> Result<Action, Refusal> {
    let key = match fields.fields.remove("key") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(IdempotencyKey::parse(&key, "key")?),
        Some(_) => return Err(Refusal::field("key", "give a text")),
    };
    Ok(Action::Publish(Box::new(SendRequest::parse(fields)?), key))
}

/// The answers of the socket, but for notifications (see [`super::item::frame`]).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Answer {
    /// The channel is joined; replayed notifications came before this.
    Subscribed {
        /// The channel.
        channel: Channel,
        /// Where the log stands, and the cursor to ask with next.
        #[serde(flatten)]
        position: Position,
        /// The number of notifications that the inbox's owner has not read. Inboxes only.
        #[serde(skip_serializing_if = "Option::is_none")]
        unread: Option<u64>,
    },
    /// The channel is left.
    Unsubscribed {
        /// The channel.
        channel: Channel,
    },
    /// The read mark as it stands now.
    Read {
        /// The inbox.
        channel: Channel,
        /// The newest seq that was read.
        seq: Seq,
        /// The number of notifications that are left to read.
        unread: u64,
    },
    /// The notification is stored and pushed, or scheduled.
    Published {
        /// Its id.
        id: String,
        /// When it is due, if it was to be sent later.
        #[serde(skip_serializing_if = "Option::is_none")]
        deliver_at: Option<String>,
        /// Where it went.
        channels: Vec<Published>,
    },
    /// Somebody is there.
    Pong,
}

/// Where a notification stands in one channel's log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    /// The channel.
    pub channel: Channel,
    /// Its place, unless it was not to be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<Seq>,
}

/// Where a reader stands after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The cursor to ask with next.
    pub seq: Seq,
    /// Whether nothing between the asked seq and the answer can have been missed.
    pub recovered: bool,
    /// Whether asking again at once gives more.
    pub more: bool,
    /// Whether the asked seq lies beyond the log: start over at `seq`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reset: bool,
}

/// An answer as it goes over the socket.
#[must_use]
pub fn answer(answer: &Answer, reference: Option<&Value>) -> String {
    with_reference(serde_json::to_value(answer).unwrap_or_default(), reference)
}

/// A refusal as it goes over the socket.
#[must_use]
pub fn error(refusal: &Refusal, reference: Option<&Value>) -> String {
    let mut frame = json!({"type": "error", "code": refusal.code.as_str(), "detail": refusal.detail});
    if let Some(field) = &refusal.field {
        frame["field"] = json!(field);
    }
    if let Some(seconds) = refusal.retry_after {
        frame["retry_after"] = json!(seconds);
    }
    with_reference(frame, reference)
}

fn with_reference(mut frame: Value, reference: Option<&Value>) -> String {
    if let Some(reference) = reference {
        frame["ref"] = reference.clone();
    }
    frame.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documented_frames_are_read() {
        let subscribe = Frame::parse(r#"{"action":"subscribe","channel":"topic:news","after":41,"ref":1}"#);
        assert_eq!(subscribe.reference, Some(json!(1)));
        let channel = Channel::parse("topic:news").unwrap();
        assert_eq!(subscribe.action, Ok(Action::Subscribe(Subscribe { channel, after: Some(Seq(41)) })));
        let publish = Frame::parse(r#"{"action":"publish","to":"order:4711","data":{},"key":"k-1","ref":"r"}"#);
        assert!(matches!(publish.action, Ok(Action::Publish(_, Some(_)))));
    }

    #[test]
    fn a_refused_frame_names_its_field_and_keeps_its_ref() {
        for (text, field) in [
            (r#"{"ref":1}"#, Some("action")),
            (r#"{"ref":1,"action":7}"#, Some("action")),
            (r#"{"ref":1,"action":"dance"}"#, Some("action")),
            (r#"{"ref":1,"action":"subscribe"}"#, Some("channel")),
            (r#"{"ref":1,"action":"subscribe","channel":"a:b","after":-1}"#, Some("after")),
            (r#"{"ref":1,"action":"subscribe","channel":"a:b","since":1}"#, Some("since")),
            (r#"{"ref":1,"action":"read","channel":"user:a"}"#, Some("seq")),
            (r#"{"ref":1,"action":"publish","to":"a:b","title":"x","key":1}"#, Some("key")),
            (r#"{"ref":1,"action":"publish","to":"a:b","title":"x","key":""}"#, Some("key")),
        ] {
            let frame = Frame::parse(text);
            assert_eq!(frame.action.unwrap_err().field.as_deref(), field, "{text}");
            assert_eq!(frame.reference, Some(json!(1)), "{text}");
        }
        assert_eq!(Frame::parse(r#"{"ref":[1]}"#).action.unwrap_err().field.as_deref(), Some("ref"));
        assert_eq!(Frame::parse("hello").action.unwrap_err().code, Code::InvalidJson);
    }

    #[test]
    fn whole_doubles_and_a_byte_order_mark_are_read() {
        let channel = Channel::parse("topic:news").unwrap();
        let subscribe =
            Frame::parse("\u{feff}{\"action\":\"subscribe\",\"channel\":\"topic:news\",\"after\":41.0,\"ref\":1.0}");
        assert_eq!(subscribe.reference, Some(json!(1.0)));
        assert_eq!(subscribe.action, Ok(Action::Subscribe(Subscribe { channel, after: Some(Seq(41)) })));
        let ping = Frame::parse("\u{feff}{\"action\":\"ping\",\"ref\":1}");
        assert_eq!((ping.reference, ping.action), (None, Ok(Action::Ping)));
        assert_eq!(answer(&Answer::Pong, None), r#"{"type":"pong"}"#);
    }

    #[test]
    fn answers_are_written_as_documented() {
        let channel = Channel::parse("topic:news").unwrap();
        let position = Position { seq: Seq(43), recovered: true, more: false, reset: false };
        let subscribed = Answer::Subscribed { channel, position, unread: Some(2) };
        let text = answer(&subscribed, Some(&json!(1)));
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"type": "subscribed", "channel": "topic:news", "seq": 43, "recovered": true, "more": false,
                   "unread": 2, "ref": 1})
        );
    }

    #[test]
    fn a_refusal_says_what_is_wrong_and_when_to_ask_again() {
        let refusal = Refusal::new(Code::TooManyReplays, "later").again_in(90);
        assert_eq!(
            serde_json::from_str::<Value>(&error(&refusal, Some(&json!(1)))).unwrap(),
            json!({"type": "error", "code": "too_many_replays", "detail": "later", "retry_after": 90, "ref": 1})
        );
        let field = Refusal::field("channel", "none");
        assert_eq!(
            serde_json::from_str::<Value>(&error(&field, None)).unwrap(),
            json!({"type": "error", "code": "invalid_request", "detail": "`channel`: none", "field": "channel"})
        );
    }

    proptest! {
        #[test]
        fn no_frame_makes_the_parser_panic(text in "\\PC{0,200}") {
            let _ = Frame::parse(&text);
        }
    }
}
