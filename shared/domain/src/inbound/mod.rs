//! What other services publish to a topic, as a request to send.
//!
//! A JSON object with `title`, `body` or `data` is a notification; an alarm of CloudWatch and an event of S3 are told in
//! words; any other text is a notification's body.

mod alarm;
mod object;

use serde_json::{Map, Value, json};

use super::channel::Channel;
use super::refusal::Refusal;
use super::send::Send;

/// The fields of which a notification has at least one.
const SAYS: [&str; 3] = ["title", "body", "data"];

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

impl Inbound {
    /// What it asks to send: to the channel that its attribute names, else to those that a notification in JSON does, else
    /// to `default`.
    ///
    /// # Errors
    /// It is a notification in JSON that is not valid, or its channel is none.
    pub fn to_send(&self, default: &str) -> Result<Send, Refusal> {
        let mut fields = self.fields();
        match (&self.channel, fields.contains_key("to")) {
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
        Send::parse(fields)
    }

    fn fields(&self) -> Map<String, Value> {
        match serde_json::from_str::<Map<String, Value>>(&self.text) {
            Ok(fields) if SAYS.iter().any(|field| fields.contains_key(*field)) => fields,
            Ok(fields) => {
                let event = Value::Object(fields);
                let told = alarm::tell(&event).or_else(|| object::tell(&event));
                told.unwrap_or_else(|| self.plain())
            }
            Err(_) => self.plain(),
        }
    }

    fn plain(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        if let Some(subject) = &self.subject {
            fields.insert("title".to_owned(), json!(subject));
        }
        fields.insert("body".to_owned(), json!(self.text));
        fields
    }
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

    fn send(inbound: &Inbound) -> Send {
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
        for text in ["[1, 2]", "{\"detail\": {}}", "4", "\"x\"", "{"] {
            assert_eq!(send(&inbound(text)).content.body.as_deref(), Some(text));
        }
    }

    #[test]
    fn a_notification_in_json_is_one_with_all_its_fields() {
        let sent =
            send(&inbound(r#"{"title": "Hi", "to": ["user:a", "user:b"], "data": {"n": 1}, "priority": "low"}"#));
        assert_eq!(sent.to, [channel("user:a"), channel("user:b")]);
        assert_eq!(sent.content.data, Some(json!({"n": 1})));
    }

    #[test]
    fn the_attribute_names_the_channel() {
        let sent = send(&Inbound { channel: Some("order:7".to_owned()), ..inbound("{\"title\": \"Shipped\"}") });
        assert_eq!(sent.to, [channel("order:7")]);
    }

    #[test]
    fn what_is_wrong_with_it_is_named() {
        let field = |inbound: Inbound| inbound.to_send("topic:inbound").unwrap_err().field.unwrap();
        assert_eq!(field(inbound(r#"{"title": "Hi", "delya": "5m"}"#)), "delya");
        assert_eq!(field(Inbound { channel: Some("news".to_owned()), ..inbound("x") }), "channel");
        let twice = Inbound { channel: Some("a:b".to_owned()), ..inbound(r#"{"title": "Hi", "to": "a:c"}"#) };
        assert_eq!(field(twice), "to");
    }
}
