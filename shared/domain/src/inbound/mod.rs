//! Messages that other services publish to a topic, as requests to send.
//!
//! A JSON object with the fields of a notification is one. An alarm of CloudWatch and an event of S3, EventBridge or
//! CloudEvents is described in words. Another JSON object with a `title` or a `body` is described by these. Any other
//! text is a notification's body. One rule holds for all: the channel that a message names gets it, shortened if need
//! be, or it is refused. Only a message that names no channel goes to the default one.

mod alarm;
mod bus;
mod cloud_event;
mod object;
mod read;
mod shorten;

use serde_json::{Map, Value, json};

use self::read::is_addressed;
use super::channel::Channel;
use super::refusal::Refusal;
use super::request::Object;
use super::send::SendRequest;

/// The fields of which a notification has at least one.
const SAYS: [&str; 3] = ["title", "body", "data"];

/// The other fields that a notification may have.
const MORE: [&str; 10] =
    ["to", "url", "deliver_at", "delay", "repeat", "time_zone", "ttl", "priority", "collapse_key", "store"];

/// A message of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inbound {
    /// The message's id, the same in each of its deliveries.
    pub id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Its text.
    pub text: String,
    /// Its attribute `channel`.
    pub channel: Option<String>,
}

/// A message as it was understood.
enum MessageContent {
    /// A notification, written for Tidings.
    Notification(Object),
    /// Something else, as a notification that stands for it.
    Told(Map<String, Value>),
}

impl Inbound {
    /// The request to send: to the channel that its attribute names, else to those that its text names, else to
    /// `default`.
    ///
    /// # Errors
    /// It is a notification in JSON that is not valid, it names its channels twice, or its channel is none.
    pub fn to_send(&self, default: &str) -> Result<SendRequest, Refusal> {
        match self.said()? {
            MessageContent::Notification(Object { fields, data }) => {
                let send = SendRequest::parse(Object { fields: self.addressed(fields, default)?, data })?;
                Ok(shorten::shorten(send, true))
            }
            MessageContent::Told(fields) => {
                let fields = self.addressed(fields, default)?;
                let send = SendRequest::parse(fields.clone()).or_else(|refusal| without_data(fields, refusal))?;
                Ok(shorten::shorten(send, false))
            }
        }
    }

    fn said(&self) -> Result<MessageContent, Refusal> {
        let Some(object) = read::object(self.text())? else { return Ok(MessageContent::Told(self.plain())) };
        if is_notification(&object.fields) && !cloud_event::is_one(&object.fields) {
            return Ok(MessageContent::Notification(object));
        }
        if let Some(notification) = cloud_event::notification(&object)? {
            return Ok(MessageContent::Notification(notification));
        }
        let event = object.into_value();
        let told = [alarm::tell, object::tell, cloud_event::tell, bus::tell].into_iter().find_map(|tell| tell(&event));
        Ok(MessageContent::Told(told.unwrap_or_else(|| self.foreign(event))))
    }

    /// The text without a byte order mark, which Windows puts before it.
    fn text(&self) -> &str {
        self.text.trim_start_matches('\u{feff}')
    }

    /// The same fields, with the channels that the notification goes to.
    fn addressed(&self, mut fields: Map<String, Value>, default: &str) -> Result<Map<String, Value>, Refusal> {
        let names_channels = fields.get("to").is_some_and(|to| !to.is_null());
        match (&self.channel, names_channels) {
            (Some(_), true) => {
                let reason = "the message has an attribute `channel` too; name its channels once";
                return Err(Refusal::field("to", reason));
            }
            (None, true) => {}
            (Some(channel), false) => {
                let channel = Channel::parse(channel).map_err(|reason| Refusal::field("channel", reason))?;
                fields.insert("to".to_owned(), json!(channel));
            }
            (None, false) => drop(fields.insert("to".to_owned(), json!(default))),
        }
        Ok(fields)
    }

    /// Another service's JSON: under its title where it has one, with all of it as data; else as a text.
    fn foreign(&self, event: Value) -> Map<String, Value> {
        let [title, body] = ["title", "body"].map(|name| text(&event, name).map(str::to_owned));
        if title.is_none() && body.is_none() {
            return self.plain();
        }
        let mut fields = Map::new();
        if let Some(title) = title.or_else(|| self.subject.clone()) {
            fields.insert("title".to_owned(), json!(title));
        }
        if let Some(body) = body {
            fields.insert("body".to_owned(), json!(body));
        }
        fields.insert("data".to_owned(), event);
        fields
    }

    fn plain(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(subject) = &self.subject {
            fields.insert("title".to_owned(), json!(subject));
        }
        fields.insert("body".to_owned(), json!(self.text()));
        fields
    }
}

/// Whether a JSON object is meant as a notification: it names channels, or has a notification's fields and no others.
fn is_notification(fields: &Map<String, Value>) -> bool {
    let has_content = SAYS.iter().any(|name| fields.contains_key(*name));
    let has_no_other = || fields.keys().all(|name| SAYS.contains(&name.as_str()) || MORE.contains(&name.as_str()));
    is_addressed(fields) || (has_content && has_no_other())
}

/// A notification that stands for an event, without its data if that is the part that was refused: it may nest too
/// deep.
fn without_data(mut fields: Map<String, Value>, refusal: Refusal) -> Result<SendRequest, Refusal> {
    if refusal.field.as_deref() != Some("data") {
        return Err(refusal);
    }
    fields.insert("data".to_owned(), shorten::no_data());
    SendRequest::parse(fields)
}

/// The fields of a notification that stands for an event of another service.
fn told(title: String, body: String, data: Value) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("title".to_owned(), json!(title));
    fields.insert("body".to_owned(), json!(body));
    fields.insert("data".to_owned(), data);
    fields
}

fn text<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    event[name].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbound(text: &str) -> Inbound {
        Inbound { id: "m".to_owned(), text: text.to_owned(), ..Inbound::default() }
    }

    fn send(inbound: &Inbound) -> SendRequest {
        inbound.to_send("topic:inbound").unwrap()
    }

    fn channel(name: &str) -> Channel {
        Channel::parse(name).unwrap()
    }

    #[test]
    fn a_text_is_a_body_under_its_subject() {
        let sent = send(&Inbound { subject: Some("Backup".to_owned()), ..inbound("done at 4:00") });
        assert_eq!(sent.to, [channel("topic:inbound")]);
        assert_eq!(
            (sent.content.title.as_deref(), sent.content.body.as_deref()),
            (Some("Backup"), Some("done at 4:00"))
        );
    }

    #[test]
    fn json_that_is_no_notification_is_a_text_too() {
        for text in ["[1, 2]", "{\"detail\": {}}", "4", "\"x\"", "{", "{\"to\": \"a@example.com\", \"text\": \"x\"}"] {
            assert_eq!(send(&inbound(text)).content.body.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_notification_in_json_is_one_with_all_its_fields() {
        let sent =
            send(&inbound(r#"{"title": "Hi", "to": ["user:a", "user:b"], "data": {"n": 1}, "priority": "low"}"#));
        assert_eq!(sent.to, [channel("user:a"), channel("user:b")]);
        assert_eq!(sent.content.data, Some((&json!({"n": 1})).into()));
    }

    #[test]
    fn the_fields_of_a_notification_are_those_that_a_request_takes() {
        let unknown = |name: &str| {
            let refusal = SendRequest::parse(json!({"to": "a:b", "title": "x", name: 7}).as_object().unwrap().clone());
            refusal.err().is_some_and(|refusal| refusal.detail.contains("not a field of this request"))
        };
        assert!(unknown("message"));
        assert_eq!(SAYS.iter().chain(&MORE).find(|name| unknown(name)), None);
        let refusal = SendRequest::parse(json!({"message": 7}).as_object().unwrap().clone()).unwrap_err();
        let known = refusal.detail.split('`').skip(3).step_by(2).count();
        assert_eq!(known, SAYS.len() + MORE.len(), "{}", refusal.detail);
    }

    #[test]
    fn almost_json_comes_to_the_one_that_it_names() {
        for text in
            ["\u{feff}{\"to\": \"user:alice\", \"title\": \"Hi\"}", r#"{"to": "user:alice", "title": "Hi \ud83d"}"#]
        {
            let sent = send(&inbound(text));
            assert_eq!(sent.to, [channel("user:alice")]);
            assert!(sent.content.title.unwrap().starts_with("Hi"));
        }
        assert_eq!(send(&inbound("\u{feff}done")).content.body.as_deref(), Some("done"));
    }

    #[test]
    fn another_services_json_is_described_by_its_title_and_body() {
        let text = r#"{"title": "Disk full", "body": "98 %", "number": 7, "to": "ops@example.com"}"#;
        let sent = send(&Inbound { channel: Some("topic:ops".to_owned()), ..inbound(text) });
        assert_eq!(sent.to, [channel("topic:ops")]);
        assert_eq!((sent.content.title.as_deref(), sent.content.body.as_deref()), (Some("Disk full"), Some("98 %")));
        assert_eq!(serde_json::to_value(sent.content.data).unwrap()["number"], 7);
        let untitled = Inbound { subject: Some("Disk".to_owned()), ..inbound(r#"{"body": "98 %", "number": 7}"#) };
        assert_eq!(send(&untitled).content.title.as_deref(), Some("Disk"));
    }

    #[test]
    fn an_event_that_nests_too_deep_comes_without_its_data() {
        let deep = format!(r#"{{"title": "x", "deep": {}1{}}}"#, "[".repeat(100), "]".repeat(100));
        assert_eq!(send(&inbound(&deep)).content.data, Some((&json!({"cut": true})).into()));
    }

    #[test]
    fn what_is_too_long_is_shortened() {
        for text in ["x".repeat(200_000), json!({"title": "x", "body": "y".repeat(40_000)}).to_string()] {
            let body = send(&inbound(&text)).content.body.unwrap();
            assert!((32_000..32_768).contains(&body.len()) && body.ends_with('…'));
        }
    }

    #[test]
    fn the_attribute_names_the_channel() {
        for text in [r#"{"title": "Shipped"}"#, r#"{"title": "Shipped", "to": null}"#] {
            let sent = send(&Inbound { channel: Some("order:7".to_owned()), ..inbound(text) });
            assert_eq!(sent.to, [channel("order:7")]);
        }
    }

    #[test]
    fn what_is_wrong_with_it_is_named() {
        let field = |inbound: Inbound| inbound.to_send("topic:inbound").unwrap_err().field.unwrap();
        assert_eq!(field(inbound(r#"{"to": "user:alice", "title": "Hi", "delya": "5m"}"#)), "delya");
        assert_eq!(field(inbound(r#"{"to": ["user:alice", "nobody"], "title": "Hi"}"#)), "to[1]");
        assert_eq!(field(inbound(r#"{"to": "user:alice", "message": "Hi"}"#)), "message");
        assert_eq!(field(inbound(r#"{"to": "nobody", "title": "Hi"}"#)), "to");
        assert_eq!(field(inbound(r#"{"title": "Hi", "ttl": "soon"}"#)), "ttl");
        assert_eq!(field(Inbound { channel: Some("news".to_owned()), ..inbound("x") }), "channel");
        let twice = Inbound { channel: Some("a:b".to_owned()), ..inbound(r#"{"title": "Hi", "to": "a:c"}"#) };
        assert_eq!(field(twice), "to");
    }
}
