//! A message as its receiver sees it.

use serde_json::{Map, Value, json};

use crate::queues::Message;

/// The message with the attributes that the request asks for.
pub(super) fn received(message: &Message, request: &Value) -> Value {
    let mut told = json!({
        "MessageId": message.id,
        "ReceiptHandle": message.handle(),
        "MD5OfBody": message.digest(),
        "Body": message.body,
    });
    // The first is the older name of the second.
    let asked = [names(request, "AttributeNames"), names(request, "MessageSystemAttributeNames")].concat();
    let mut system = message.system_attributes();
    system.retain(|name, _| asked.iter().any(|asked| asked == name || *asked == "All"));
    if !system.is_empty() {
        told["Attributes"] = json!(system);
    }
    let asked = names(request, "MessageAttributeNames");
    let own = message.attributes.iter().filter(|(name, _)| asked.iter().any(|asked| fits(asked, name)));
    let own: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !own.is_empty() {
        told["MessageAttributes"] = Value::Object(own);
    }
    told
}

fn names<'a>(request: &'a Value, parameter: &str) -> Vec<&'a str> {
    request[parameter].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Whether a request asks for a name: by itself, with all others, or by a prefix.
fn fits(asked: &str, name: &str) -> bool {
    asked == name || asked == "All" || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_receives_a_message_sees_the_attributes_that_were_asked_for() {
        let mut message = Message::sent_at(5, 1);
        for name in ["kind", "for.one", "for.two"] {
            message.attributes.insert(name.to_owned(), json!({"DataType": "String", "StringValue": "x"}));
        }
        let plain = received(&message, &json!({}));
        assert!(plain.get("Attributes").is_none() && plain.get("MessageAttributes").is_none());
        let asked = json!({"AttributeNames": ["SentTimestamp"], "MessageAttributeNames": ["for.*"]});
        let some = received(&message, &asked);
        assert_eq!(some["Attributes"], json!({"SentTimestamp": "5"}));
        let own: Vec<&String> = some["MessageAttributes"].as_object().expect("some").keys().collect();
        assert_eq!(own, ["for.one", "for.two"]);
        let all = received(&message, &json!({"MessageSystemAttributeNames": ["All"]}));
        assert_eq!(all["Attributes"]["ApproximateReceiveCount"], "0");
    }
}
