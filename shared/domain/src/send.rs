//! A request to send.

use std::collections::BTreeMap;

use serde::de::{self, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::channel::Channel;
use super::claims::Claims;
use super::content::{CollapseKey, Content, Priority};
use super::data::Data;
use super::refusal::{Code, Refusal};
use super::request::{self, Object};
use super::schedule::timing::{self, Timing};
use super::span;

/// The most channels of one notification.
pub const MAX_TO: usize = 25;

/// The depth to which `data` may nest. JSON readers have limits of their own, and a part that one reader of a frame
/// cannot read would keep it from all that the frame carries.
const MAX_DEPTH: usize = 64;

/// The most characters of an idempotency key.
const MAX_KEY: usize = 255;

/// The longest time to live, in seconds: a year.
const MAX_TTL: i64 = 365 * 24 * 60 * 60;

/// A notification to send, and its channels. Made only from a request that is right in all its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct SendRequest {
    /// 1 to 25 channels, each once.
    pub to: Vec<Channel>,
    /// The content.
    pub content: Content,
    /// After so many seconds readers no longer see it.
    pub ttl: Option<i64>,
    /// When, and how often.
    pub timing: Timing,
    /// Whether it is kept in the log.
    pub store: bool,
    /// The same for equal requests, however they were written down.
    pub fingerprint: String,
}

/// The request's fields, as they come.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    to: To,
    title: Option<String>,
    body: Option<String>,
    url: Option<String>,
    /// It is taken as it was written; see [`Object`].
    #[allow(dead_code, reason = "so that it is known")]
    data: Option<IgnoredAny>,
    deliver_at: Option<String>,
    delay: Option<String>,
    repeat: Option<String>,
    time_zone: Option<String>,
    ttl: Option<Ttl>,
    priority: Option<Priority>,
    collapse_key: Option<CollapseKey>,
    store: Option<bool>,
}

impl SendRequest {
    /// Reads a request's fields.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn parse(object: impl Into<Object>) -> Result<Self, Refusal> {
        let Object { fields, data } = object.into();
        if data.as_ref().is_some_and(|data| data.depth() > MAX_DEPTH) {
            return Err(Refusal::field("data", format!("nests deeper than {MAX_DEPTH} lists and objects")));
        }
        let fingerprint = fingerprint(&fields, data.as_ref());
        let fields: Fields = request::fields(fields)?;
        check_to(&fields.to.0)?;
        if fields.title.is_none() && fields.body.is_none() && data.is_none() {
            return Err(Refusal::field("title", "one of `title`, `body` and `data` is required"));
        }
        let timing = Timing::parse(&timing::Fields {
            deliver_at: fields.deliver_at,
            delay: fields.delay,
            repeat: fields.repeat,
            time_zone: fields.time_zone,
        })?;
        let content = Content {
            title: fields.title,
            body: fields.body,
            url: fields.url,
            data,
            priority: fields.priority,
            collapse_key: fields.collapse_key,
        };
        Ok(Self {
            to: fields.to.0,
            content,
            ttl: fields.ttl.map(|ttl| ttl.0),
            timing,
            store: fields.store.unwrap_or(true),
            fingerprint,
        })
    }

    /// Refuses a publisher who may not send to every channel named, and a key where nothing is stored.
    ///
    /// # Errors
    /// `forbidden` or `invalid_request`.
    pub fn check(&self, publisher: &Claims, key: Option<&IdempotencyKey>) -> Result<(), Refusal> {
        for (i, channel) in self.to.iter().enumerate() {
            publisher.check_publish(channel, &format!("to[{i}]"))?;
        }
        if !self.store && key.is_some() {
            return Err(Refusal::field("store", "`store: false` cannot be combined with an idempotency key"));
        }
        if !self.store && (self.ttl.is_some() || self.content.collapse_key.is_some()) {
            return Err(Refusal::field("store", "`store: false` cannot be combined with `ttl` or `collapse_key`"));
        }
        if !self.store && !self.timing.is_now() {
            return Err(Refusal::field(
                "store",
                "`store: false` cannot be combined with `deliver_at`, `delay` or `repeat`",
            ));
        }
        Ok(())
    }
}

fn check_to(to: &[Channel]) -> Result<(), Refusal> {
    if to.is_empty() {
        return Err(Refusal::field("to", "name at least one channel"));
    }
    if to.len() > MAX_TO {
        let reason = format!("{} channels are named; a notification goes to at most {MAX_TO}", to.len());
        return Err(Refusal::field_with(Code::TooManyChannels, "to", reason));
    }
    for (i, channel) in to.iter().enumerate() {
        if to[..i].contains(channel) {
            return Err(Refusal::field(format!("to[{i}]"), format!("{channel} is named twice")));
        }
    }
    Ok(())
}

/// SHA-256 of the fields in the order of their names, in hex.
fn fingerprint(fields: &Map<String, Value>, data: Option<&Data>) -> String {
    // Sorted, so that a client may write them in any order.
    let others = fields.iter().filter(|(name, _)| data.is_none() || *name != "data");
    let mut sorted: BTreeMap<&str, Data> = others.map(|(name, value)| (name.as_str(), value.into())).collect();
    sorted.extend(data.map(|data| ("data", data.canonical())));
    let canonical = serde_json::to_vec(&sorted).unwrap_or_default();
    Sha256::digest(&canonical).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One channel's name, or a list of them.
struct To(Vec<Channel>);

impl<'de> Deserialize<'de> for To {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Vec<Channel>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(crate::channel::ONE_OR_MORE)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Channel::parse(text).map(|channel| vec![channel]).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut channels = Vec::new();
                while let Some(channel) = list.next_element()? {
                    channels.push(channel);
                }
                Ok(channels)
            }
        }

        deserializer.deserialize_any(OneOrMany).map(Self)
    }
}

/// A span of time in whole seconds, written `90s`, `15m`, `24h`, `7d` or as ISO 8601 does.
struct Ttl(i64);

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_ttl(&text).map(Self).map_err(de::Error::custom)
    }
}

fn parse_ttl(text: &str) -> Result<i64, String> {
    let seconds = span::parse_seconds(text)?;
    if (1..=MAX_TTL).contains(&seconds) { Ok(seconds) } else { Err("a time to live is 1s to 365d".to_owned()) }
}

/// The key that makes a repeated send idempotent: 1 to 255 characters of the publisher's choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    field: &'static str,
}

impl IdempotencyKey {
    /// Reads a key; `field` is where it stood.
    ///
    /// # Errors
    /// `invalid_idempotency_key`.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, Refusal> {
        if (1..=MAX_KEY).contains(&text.chars().count()) {
            return Ok(Self { key: text.to_owned(), field });
        }
        let reason = format!("a key has 1 to {MAX_KEY} characters");
        Err(Refusal::field_with(Code::InvalidIdempotencyKey, field, reason))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.key
    }

    /// Refuses a key that was used with another request.
    #[must_use]
    pub fn reused(&self) -> Refusal {
        let reason = "this key was used with another request in the last 24 hours; use a new one";
        Refusal::field_with(Code::IdempotencyKeyReused, self.field, reason)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<SendRequest, Refusal> {
        SendRequest::parse(value.as_object().unwrap().clone())
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |value, _| json!([value]))
    }

    #[test]
    fn data_nests_as_deep_as_every_reader_can_follow() {
        assert!(parse(&json!({"to": "user:a", "data": nested(64)})).is_ok());
    }

    #[test]
    fn one_channel_may_stand_without_a_list() {
        let send = parse(&json!({"to": "user:alice", "title": "Hi"})).unwrap();
        assert_eq!(send.to, [Channel::parse("user:alice").unwrap()]);
        assert!(send.store);
    }

    #[test]
    fn every_refusal_names_its_field() {
        let many: Vec<_> = (0..26).map(|i| format!("topic:{i}")).collect();
        for (request, field) in [
            (json!({"title": "Hi"}), "to"),
            (json!({"to": [], "title": "Hi"}), "to"),
            (json!({"to": 7, "title": "Hi"}), "to"),
            (json!({"to": many, "title": "Hi"}), "to"),
            (json!({"to": ["user:a", "nobody"], "title": "Hi"}), "to[1]"),
            (json!({"to": ["user:a", "user:a"], "title": "Hi"}), "to[1]"),
            (json!({"to": "user:a"}), "title"),
            (json!({"to": "user:a", "url": "/x"}), "title"),
            (json!({"to": "user:a", "title": 7}), "title"),
            (json!({"to": "user:a", "title": "Hi", "ttl": 7}), "ttl"),
            (json!({"to": "user:a", "title": "Hi", "ttl": "soon"}), "ttl"),
            (json!({"to": "user:a", "title": "Hi", "ttl": "366d"}), "ttl"),
            (json!({"to": "user:a", "title": "Hi", "ttl": "-1s"}), "ttl"),
            (json!({"to": "user:a", "title": "Hi", "priority": "urgent"}), "priority"),
            (json!({"to": "user:a", "title": "Hi", "collapse_key": ""}), "collapse_key"),
            (json!({"to": "user:a", "title": "Hi", "store": "no"}), "store"),
            (json!({"to": "user:a", "title": "Hi", "priority": {"high": null}}), "priority"),
            (json!({"to": "user:a", "data": nested(65)}), "data"),
            (json!({"to": "user:a", "title": "Hi", "delay": "soon"}), "delay"),
            (json!({"to": "user:a", "title": "Hi", "deliver_at": 7}), "deliver_at"),
            (json!({"to": "user:a", "title": "Hi", "time_zone": "Europe/Paris"}), "time_zone"),
        ] {
            assert_eq!(parse(&request).unwrap_err().field.as_deref(), Some(field), "{request}");
        }
    }

    fn fingerprint_of(text: &str) -> String {
        SendRequest::parse(request::object(text.as_bytes(), request::Limit::Notification).unwrap()).unwrap().fingerprint
    }

    #[test]
    fn equal_requests_have_one_fingerprint_however_they_are_written() {
        let sent = fingerprint_of(r#"{"to":"a:b","title":"Hi","data":{"é":[1.50,{"y":2,"x":null}],"n":1e2}}"#);
        let same = r#"{ "data": {"n": 100.0, "\u00e9": [ 1.5, {"x":null, "y":2} ]}, "title":"Hi", "to":"a:b"}"#;
        assert_eq!(fingerprint_of(same), sent);
        for other in [
            r#"{"to":"a:b","title":"Ho","data":{"é":[1.50,{"y":2,"x":null}],"n":1e2}}"#,
            r#"{"to":"a:b","title":"Hi","data":{"é":[{"y":2,"x":null},1.50],"n":1e2}}"#,
            r#"{"to":"a:b","title":"Hi"}"#,
        ] {
            assert_ne!(fingerprint_of(other), sent, "{other}");
        }
        let large = |digits| fingerprint_of(&format!(r#"{{"to":"a:b","data":{digits}}}"#));
        assert_ne!(large("92838584930183242888"), large("92838584930183242889"), "one double, two numbers");
    }

    /// A request that was sent to an earlier release may be repeated to this one.
    #[test]
    fn a_fingerprint_is_that_of_the_fields_in_order_as_ever() {
        let text = r#"{"title":"Hi","to":["a:b"],"data":{"b":[true,null,"é\"\n"],"a":{"c":-7,"d":0.25}},"url":null}"#;
        let fields: Map<String, Value> = serde_json::from_str(text).unwrap();
        let digest = Sha256::digest(serde_json::to_vec(&fields).unwrap());
        assert_eq!(fingerprint_of(text), digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    }

    #[test]
    fn what_is_not_stored_takes_no_key() {
        let send = parse(&json!({"to": "user:a", "title": "Hi", "store": false})).unwrap();
        let publisher: Claims = serde_json::from_value(json!({"sub": "p", "exp": 1, "publish": ["*"]})).unwrap();
        assert!(send.check(&publisher, None).is_ok());
        let later = parse(&json!({"to": "user:a", "title": "Hi", "store": false, "delay": "1m"})).unwrap();
        assert_eq!(later.check(&publisher, None).unwrap_err().field.as_deref(), Some("store"));
        let key = IdempotencyKey::parse("k", "key").unwrap();
        assert_eq!(send.check(&publisher, Some(&key)).unwrap_err().field.as_deref(), Some("store"));
    }

    #[test]
    fn a_key_has_1_to_255_characters() {
        assert!(IdempotencyKey::parse("", "key").is_err());
        assert!(IdempotencyKey::parse(&"é".repeat(255), "key").is_ok());
        assert!(IdempotencyKey::parse(&"k".repeat(256), "key").is_err());
    }
}
