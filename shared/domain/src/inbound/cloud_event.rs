//! An event as CloudEvents 1.0 writes it in one piece (the structured mode).
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>

use serde_json::{Map, Value};

use super::read::is_addressed;
use super::{text, told};
use crate::refusal::Refusal;
use crate::request::{self, Limit, Object};

/// The attributes that every CloudEvent must have, besides `specversion`.
const REQUIRED: [&str; 3] = ["id", "source", "type"];

/// Whether a JSON object is an event of CloudEvents.
pub(super) fn is_one(fields: &Map<String, Value>) -> bool {
    let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    text("specversion") == "1.0" && REQUIRED.iter().all(|name| !text(name).is_empty())
}

/// The notification that an event carries: its data, where that names channels.
///
/// # Errors
/// The event names channels too.
pub(super) fn notification(event: &Object) -> Result<Option<Object>, Refusal> {
    let data = event.data.as_ref().filter(|_| is_one(&event.fields));
    let data = data.and_then(|data| request::object(data.as_str().as_bytes(), Limit::Notification).ok());
    let Some(notification) = data.filter(|data| is_addressed(&data.fields)) else { return Ok(None) };
    if is_addressed(&event.fields) {
        return Err(Refusal::field("to", "the event and its data both have one; name its channels once"));
    }
    Ok(Some(notification))
}

/// The event as the fields of a notification: its type, subject and source, or the title and body of its data. It goes
/// to the channels that its own attribute `to` names. `None` if it is no event of CloudEvents.
pub(super) fn tell(event: &Value) -> Option<Map<String, Value>> {
    let is_addressed = is_addressed(event.as_object().filter(|fields| is_one(fields))?);
    let title = text(&event["data"], "title").or_else(|| text(event, "type"))?;
    let words = || [text(event, "subject"), text(event, "source")].into_iter().flatten().collect::<Vec<_>>().join("\n");
    let said = text(&event["data"], "body").or_else(|| text(event, "data"));
    let body = said.map_or_else(words, str::to_owned);
    let mut fields = told(title.to_owned(), body, event.clone());
    if is_addressed {
        fields.insert("to".to_owned(), event["to"].clone());
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(more: &Value) -> Value {
        let mut event = json!({"specversion": "1.0", "id": "7", "source": "/orders", "type": "com.example.order.paid"});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    #[test]
    fn an_event_is_described_by_its_type_with_all_of_it_as_data() {
        let event = event(&json!({"subject": "4711", "data": {"total": 9.5}, "traceparent": "00-1"}));
        let fields = tell(&event).unwrap();
        assert_eq!((&fields["title"], &fields["body"]), (&json!("com.example.order.paid"), &json!("4711\n/orders")));
        assert_eq!((&fields["data"], fields.get("to")), (&event, None));
        assert_eq!(tell(&self::event(&json!({"data_base64": "AAEC"}))).unwrap()["body"], "/orders");
    }

    #[test]
    fn what_its_data_says_to_people_comes_first() {
        let fields = tell(&event(&json!({"data": {"title": "Paid", "body": "9.50 €"}}))).unwrap();
        assert_eq!((&fields["title"], &fields["body"]), (&json!("Paid"), &json!("9.50 €")));
        let fields = tell(&event(&json!({"data": "Ring twice"}))).unwrap();
        assert_eq!((&fields["title"], &fields["body"]), (&json!("com.example.order.paid"), &json!("Ring twice")));
    }

    #[test]
    fn an_event_may_name_its_channel_itself_or_be_around_a_notification() {
        let fields = tell(&event(&json!({"to": "user:alice", "data": 1}))).unwrap();
        assert_eq!((&fields["to"], &fields["title"]), (&json!("user:alice"), &json!("com.example.order.paid")));
        let notification = json!({"to": ["user:alice"], "title": "Paid", "priority": "high"});
        let around = event(&json!({"data": notification}));
        let of = |event: &Value| super::notification(&event.as_object().unwrap().clone().into());
        assert_eq!(of(&around).unwrap().map(|carried| carried.fields).as_ref(), notification.as_object());
        assert_eq!(tell(&event(&json!({"to": "a@example.com"}))).unwrap().get("to"), None);
    }

    #[test]
    fn what_lacks_something_or_has_another_version_is_no_event() {
        for more in [json!({"specversion": "0.3"}), json!({"id": ""}), json!({"source": null}), json!({"type": 7})] {
            assert_eq!(tell(&event(&more)), None, "{more}");
        }
    }
}
