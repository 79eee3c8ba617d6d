//! The message to a browser: one push as an HTTP request (RFC 8030).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use domain::content::Priority;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};

use super::vapid::sensitive;
use super::{Subscription, encryption, meaning, origin, payload};
use crate::message::{Failed, Message, NoMessage, Post, Request};
use crate::outgoing_delivery::OutgoingDelivery;
use crate::url::{PublicUrl, UrlRules};

const TTL: HeaderName = HeaderName::from_static("ttl");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
const TOPIC: HeaderName = HeaderName::from_static("topic");

/// The time for which a push service keeps a message without a `ttl` of its own, in seconds: a day, after which few still want it.
const KEPT: u32 = 24 * 60 * 60;

/// The longest that a push service keeps a message, in seconds. Google's refuses a longer TTL; others shorten it themselves.
const MAX_TTL: u32 = 28 * 24 * 60 * 60;

/// A message for one browser, of at most 4,096 bytes, which the push service tries to deliver for `ttl` seconds; with 0, only if
/// the browser is there now. The same arguments give another ephemeral key and salt each time, and nothing else differs.
///
/// # Errors
/// The push service's URL is forbidden. Cryptography fails, perhaps for lack of random numbers.
pub(super) fn message(
    subscription: &Subscription,
    delivery: &OutgoingDelivery<'_>,
    urls: &UrlRules,
) -> Result<Message, NoMessage> {
    let url = subscription.endpoint.as_url();
    let vapid = Some(origin(url));
    let url = PublicUrl::parse(url.as_str(), urls).map_err(|_| NoMessage::ForbiddenUrl)?;
    let text = payload::to_json(delivery).map_err(Failed::of("write a push message"))?;
    let body = encryption::encrypt(&text, &subscription.keys).map_err(Failed::of("encrypt a push message"))?;
    Ok(Request::Post(Post { url, headers: headers(delivery)?, body, vapid, meaning }).into())
}

fn headers(delivery: &OutgoingDelivery<'_>) -> Result<HeaderMap, Failed> {
    let ttl = delivery.ttl.map_or(KEPT, |ttl| u32::try_from(ttl.max(0)).unwrap_or(u32::MAX));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(TTL, ttl.min(MAX_TTL).into());
    headers.insert(URGENCY, HeaderValue::from_static(urgency(delivery.content.priority)));
    if let Some(topic) = topic(delivery) {
        headers.insert(TOPIC, sensitive(&topic)?);
    }
    Ok(headers)
}

/// RFC 8030 section 5.3. What is below normal may wait until a phone is charged, which nobody asks for who says `low`.
fn urgency(priority: Option<Priority>) -> &'static str {
    match priority {
        Some(Priority::High) => "high",
        Some(Priority::Normal | Priority::Low) | None => "normal",
    }
}

/// RFC 8030 section 5.4: of those that wait with one topic, the browser gets the newest. At most 32 characters of base64url,
/// which a key is not; and a key counts within its channel only, while a browser may have subscribed to several.
fn topic(delivery: &OutgoingDelivery<'_>) -> Option<String> {
    let key = delivery.content.collapse_key.as_ref()?;
    let hash =
        Sha256::new().chain_update(delivery.channel.as_str()).chain_update("\n").chain_update(key.as_str()).finalize();
    Some(BASE64_URL_SAFE_NO_PAD.encode(&hash[..24]))
}

#[cfg(test)]
mod tests {
    use domain::channel::Channel;
    use domain::seq::Seq;
    use serde_json::{Value, json};

    use super::*;
    use crate::outgoing_delivery::tests::delivery;
    use crate::web_push::encryption::browser::Browser;

    fn subscription(browser: &Browser) -> Subscription {
        let url = "https://push.example.net:8443/s/1?x=2";
        serde_json::from_value(json!({"endpoint": url, "keys": serde_json::to_value(&browser.keys).unwrap()})).unwrap()
    }

    fn push(browser: &Browser, channel: &str, content: Value, ttl: i64) -> Post {
        let (channel, content) = (Channel::parse(channel).unwrap(), serde_json::from_value(content).unwrap());
        let delivery =
            OutgoingDelivery { seq: Seq(7), id: "i", unread: None, ttl: Some(ttl), ..delivery(&channel, &content) };
        let urls = UrlRules { ports: vec![8443], ..UrlRules::default() };
        match message(&subscription(browser), &delivery, &urls).unwrap().request {
            Request::Post(post) => post,
            other => panic!("{other:?}"),
        }
    }

    fn header<'a>(request: &'a Post, name: &str) -> Option<&'a str> {
        request.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn a_request_is_all_that_a_push_service_asks_for() {
        let browser = Browser::new();
        let request = push(&browser, "user:alice", json!({"title": "t", "collapse_key": "build-42"}), 60);
        assert_eq!(request.url.to_string(), "https://push.example.net:8443/s/1?x=2");
        assert_eq!(header(&request, "content-encoding"), Some("aes128gcm"));
        assert_eq!(header(&request, "content-type"), Some("application/octet-stream"));
        assert_eq!(header(&request, "ttl"), Some("60"));
        assert_eq!(header(&request, "urgency"), Some("normal"));
        assert_eq!(request.vapid.as_deref(), Some("https://push.example.net:8443"), "a token is added for it");
        let text: Value = serde_json::from_slice(&browser.decrypt(&request.body).unwrap()).unwrap();
        let sent_at = "1970-01-01T00:00:00.000Z";
        assert_eq!(
            text,
            json!({"channel": "user:alice", "seq": 7, "id": "i", "sent_at": sent_at, "title": "t", "collapse_key": "build-42"})
        );
    }

    #[test]
    fn only_what_is_pressing_is_urgent() {
        let browser = Browser::new();
        for (priority, urgency) in [("high", "high"), ("normal", "normal"), ("low", "normal")] {
            let request = push(&browser, "user:alice", json!({"title": "t", "priority": priority}), 60);
            assert_eq!(header(&request, "urgency"), Some(urgency));
        }
    }

    #[test]
    fn a_topic_is_of_one_key_in_one_channel() {
        let browser = Browser::new();
        let topic = |channel: &str, key: Option<&str>| {
            let request = push(&browser, channel, json!({"title": "t", "collapse_key": key}), 60);
            header(&request, "topic").map(ToOwned::to_owned)
        };
        let one = topic("user:alice", Some("k é\n")).unwrap();
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{one}");
        assert_eq!(topic("user:alice", Some("k é\n")), Some(one.clone()));
        assert_ne!(topic("user:alice", Some("other")), Some(one.clone()));
        assert_ne!(topic("topic:a", Some("k é\n")), Some(one));
        assert_eq!(topic("user:alice", None), None);
    }

    #[test]
    fn a_ttl_is_what_every_service_takes() {
        let browser = Browser::new();
        for (ttl, sent) in [(-5, "0"), (0, "0"), (MAX_TTL.into(), "2419200"), (i64::MAX, "2419200")] {
            assert_eq!(header(&push(&browser, "user:alice", json!({"title": "t"}), ttl), "ttl"), Some(sent));
        }
    }

    #[test]
    fn the_largest_notification_is_pushed() {
        let browser = Browser::new();
        let request = push(&browser, "user:alice", json!({"title": "t", "body": "b".repeat(30_000)}), 60);
        assert_eq!(request.body.len(), 4_096);
        let text: Value = serde_json::from_slice(&browser.decrypt(&request.body).unwrap()).unwrap();
        assert_eq!(text["cut"], true);
    }

    #[test]
    fn no_log_shows_whom_it_goes_to() {
        let request = push(&Browser::new(), "user:alice", json!({"title": "t", "collapse_key": "k"}), 60);
        assert_eq!(format!("{request:?}"), "Post(…)");
        let headers = format!("{:?}", request.headers);
        assert!(headers.contains("Sensitive"), "{headers}");
    }

    #[test]
    fn a_push_service_whose_port_is_not_allowed_gets_nothing() {
        let (channel, content) = (Channel::parse("user:alice").unwrap(), serde_json::from_value(json!({})).unwrap());
        let refused = message(&subscription(&Browser::new()), &delivery(&channel, &content), &UrlRules::default());
        assert_eq!(refused.unwrap_err(), NoMessage::ForbiddenUrl);
    }
}
