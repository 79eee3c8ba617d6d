//! The claims of a verified token.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::channel::{Channel, Sub};
use super::pattern::Pattern;
use super::refusal::{Code, Refusal};
use super::time::{Millis, Seconds};

/// The most channels that a connection may join besides the user's own.
pub const MAX_CHANNELS: usize = 50;

/// The claim that is the user, unless another is named.
pub const SUB: &str = "sub";

/// Above this no number is a time: 2^64, beyond which issuers count nothing.
const TIMES_END: f64 = 18_446_744_073_709_551_616.0;

/// The claims of a token that Tidings reads. It ignores all others, since identity providers add their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Sub,
    /// When the token ends.
    pub exp: Seconds,
    /// The channels that may be read besides the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<Pattern>,
    /// The channels that may be sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Pattern>,
    /// The channels that a connection joins at once besides the user's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// A claim's value; one that is `null` counts as left out, since that is how some issuers write an empty list.
#[must_use]
pub fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    claims.get(name).filter(|value| !value.is_null())
}

/// A time among a token's claims, in seconds since 1970, with or without a fraction (`NumericDate` of RFC 7519 section 2).
///
/// # Errors
/// It is no number.
pub fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, String> {
    let number =
        |value: &Value| value.as_f64().ok_or_else(|| format!("its claim `{name}` has to be a number of seconds"));
    claim(claims, name).map(number).transpose()
}

fn end(claims: &Map<String, Value>) -> Result<Seconds, String> {
    let seconds = time(claims, "exp")?.ok_or("its claim `exp` is missing")?;
    if seconds > TIMES_END {
        return Err("its claim `exp` is too large: give seconds since 1970".to_owned());
    }
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, which is as good as never")]
    Ok(Seconds(seconds.floor() as i64))
}

fn user(claims: &Map<String, Value>, name: &str) -> Result<Sub, String> {
    let user = claim(claims, name).ok_or_else(|| format!("its claim `{name}` is missing"))?;
    let user = user.as_str().ok_or_else(|| format!("its claim `{name}` has to be a text"))?;
    Sub::of_claim(user).map_err(|reason| format!("its claim `{name}`: {reason}"))
}

fn list<T, E: Display>(
    claims: &Map<String, Value>,
    name: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, String> {
    let Some(list) = claim(claims, name) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| format!("its claim `{name}` has to be a list of texts"))?;
    let entry = |(i, value): (usize, &Value)| {
        let text = value.as_str().ok_or_else(|| format!("its claim `{name}[{i}]` has to be a text"))?;
        read(text).map_err(|reason| format!("its claim `{name}[{i}]`: {reason}"))
    };
    list.iter().enumerate().map(entry).collect()
}

impl Claims {
    /// Reads the claims of a token whose claim `user_claim` is the user. A fraction of the second of its `exp` is cut off.
    ///
    /// # Errors
    /// Says which claim is wrong, and how.
    pub fn read(claims: &Map<String, Value>, user_claim: &str) -> Result<Self, String> {
        Ok(Self {
            sub: user(claims, user_claim)?,
            exp: end(claims)?,
            subscribe: list(claims, "subscribe", Pattern::parse)?,
            publish: list(claims, "publish", Pattern::parse)?,
            channels: list(claims, "channels", Channel::parse)?,
        })
    }

    /// The user's own channel.
    #[must_use]
    pub fn inbox(&self) -> Channel {
        Channel::inbox(&self.sub)
    }

    /// Refuses who may not read `channel`; `field` is where it was named.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_read(&self, channel: &Channel, field: &str) -> Result<(), Refusal> {
        if *channel == self.inbox() || self.subscribe.iter().any(|p| p.opens_for_reading(channel)) {
            return Ok(());
        }
        let reason = format!("this token may not read {channel}; add the channel to its `subscribe` claim");
        Err(Refusal::field_with(Code::Forbidden, field, reason))
    }

    /// Refuses who may not send to `channel`; `field` is where it was named.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_publish(&self, channel: &Channel, field: &str) -> Result<(), Refusal> {
        if self.may_publish(channel) {
            return Ok(());
        }
        let reason = format!("this token may not send to {channel}; add the channel to its `publish` claim");
        Err(Refusal::field_with(Code::Forbidden, field, reason))
    }

    /// Refuses who neither is the publisher of a notification nor may send to all of its channels.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_sent_or_publishes_to<'a>(
        &self,
        publisher: &Sub,
        mut to: impl Iterator<Item = &'a Channel>,
    ) -> Result<(), Refusal> {
        if self.sub == *publisher || to.all(|channel| self.may_publish(channel)) {
            return Ok(());
        }
        let reason =
            "only its sender, or a token that may send to all of its channels, may see or cancel this notification";
        Err(Refusal::field_with(Code::Forbidden, "id", reason))
    }

    /// Refuses who neither is `sub` nor may send to them.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn check_is_or_publishes_to(&self, sub: &Sub) -> Result<(), Refusal> {
        if self.sub == *sub || self.may_publish(&Channel::inbox(sub)) {
            return Ok(());
        }
        let reason = format!("this takes a token of {sub}, or one that may send to user:{sub}");
        Err(Refusal::field_with(Code::Forbidden, "sub", reason))
    }

    /// Refuses a token that has ended.
    ///
    /// # Errors
    /// `expired_token`.
    pub fn check_alive(&self, now: Millis) -> Result<(), Refusal> {
        if now.seconds() < self.exp {
            return Ok(());
        }
        Err(Refusal::new(Code::ExpiredToken, "the token has expired; connect again with a new one"))
    }

    /// The channels that a connection joins at once, besides the user's own, each once.
    ///
    /// # Errors
    /// One of them may not be read, or there are more than [`MAX_CHANNELS`].
    pub fn joined(&self) -> Result<Vec<Channel>, Refusal> {
        let inbox = self.inbox();
        let mut joined: Vec<Channel> = Vec::new();
        for (i, channel) in self.channels.iter().enumerate() {
            self.check_read(channel, &format!("channels[{i}]"))?;
            if *channel != inbox && !joined.contains(channel) {
                joined.push(channel.clone());
            }
        }
        if joined.len() > MAX_CHANNELS {
            let reason = format!("a connection joins at most {MAX_CHANNELS} channels besides the user's own");
            return Err(Refusal::field_with(Code::TooManySubscriptions, "channels", reason));
        }
        Ok(joined)
    }

    fn may_publish(&self, channel: &Channel) -> bool {
        self.publish.iter().any(|p| p.opens_for_publishing(channel))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(extra: &Value) -> Claims {
        let mut all = json!({"sub": "alice", "exp": 100});
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn channel(name: &str) -> Channel {
        Channel::parse(name).unwrap()
    }

    #[test]
    fn a_user_reads_their_own_inbox_and_nobody_elses() {
        let alice = claims(&json!({}));
        assert!(alice.check_read(&channel("user:alice"), "channel").is_ok());
        let refusal = alice.check_read(&channel("user:bob"), "channel").unwrap_err();
        assert_eq!((refusal.code, refusal.field.as_deref()), (Code::Forbidden, Some("channel")));
    }

    #[test]
    fn reading_ones_own_inbox_gives_no_right_to_send_to_it() {
        assert!(claims(&json!({})).check_publish(&channel("user:alice"), "to").is_err());
        assert!(claims(&json!({"publish": ["*"]})).check_publish(&channel("user:bob"), "to").is_ok());
    }

    #[test]
    fn a_token_lives_until_its_exp_and_not_in_that_second() {
        let alice = claims(&json!({}));
        assert!(alice.check_alive(Millis(99_999)).is_ok());
        assert_eq!(alice.check_alive(Millis(100_000)).unwrap_err().code, Code::ExpiredToken);
    }

    #[test]
    fn joined_channels_are_distinct_readable_and_at_most_fifty() {
        let twice = claims(&json!({"subscribe": ["topic:*"], "channels": ["topic:a", "topic:a", "user:alice"]}));
        assert_eq!(twice.joined().unwrap(), [channel("topic:a")]);
        let foreign = claims(&json!({"channels": ["user:alice", "topic:a"]}));
        assert_eq!(foreign.joined().unwrap_err().field.as_deref(), Some("channels[1]"));
        let many: Vec<_> = (0..51).map(|i| format!("topic:{i}")).collect();
        let many = claims(&json!({"subscribe": ["topic:*"], "channels": many}));
        assert_eq!(many.joined().unwrap_err().code, Code::TooManySubscriptions);
    }

    fn read(claims: &Value) -> Result<Claims, String> {
        Claims::read(claims.as_object().unwrap(), SUB)
    }

    #[test]
    fn an_end_with_a_fraction_counts_to_the_second() {
        for (exp, end) in
            [(json!(100), 100), (json!(100.9), 100), (json!(1e2), 100), (json!(-0.5), -1), (json!(u64::MAX), i64::MAX)]
        {
            assert_eq!(read(&json!({"sub": "alice", "exp": exp})).map(|claims| claims.exp), Ok(Seconds(end)), "{exp}");
        }
    }

    #[test]
    fn a_null_claim_is_a_missing_one() {
        let claims = json!({"sub": "alice", "exp": 1, "subscribe": null, "publish": null, "channels": null});
        let alice = read(&claims).unwrap();
        assert_eq!((alice.subscribe, alice.publish, alice.channels), (vec![], vec![], vec![]));
    }

    #[test]
    fn what_is_wrong_with_a_claim_is_said_by_its_name() {
        for (name, value, wrong) in [
            ("sub", json!(null), "its claim `sub` is missing"),
            ("sub", json!(42), "its claim `sub` has to be a text"),
            ("sub", json!(""), "its claim `sub`: a user is named by 1 to 180 characters"),
            ("exp", json!(null), "its claim `exp` is missing"),
            ("exp", json!("100"), "its claim `exp` has to be a number"),
            ("exp", json!(1e300), "its claim `exp` is too large"),
            ("publish", json!("*"), "its claim `publish` has to be a list"),
            ("publish", json!(["*", 7]), "its claim `publish[1]` has to be a text"),
            ("subscribe", json!(["*a"]), "its claim `subscribe[0]`: a channel is named"),
            ("channels", json!(["topic:a", "topic:*"]), "its claim `channels[1]`: the name"),
        ] {
            let mut claims = json!({"sub": "alice", "exp": 1});
            claims[name] = value;
            let said = read(&claims).unwrap_err();
            assert!(said.starts_with(wrong), "{claims}: {said}");
        }
    }

    #[test]
    fn another_claim_may_be_the_user() {
        let claims = json!({"sub": "9f3c", "email": "alice@example.org", "exp": 1});
        let by = |claim| Claims::read(claims.as_object().unwrap(), claim).map(|claims| claims.inbox().to_string());
        assert_eq!(by(SUB).as_deref(), Ok("user:9f3c"));
        assert_eq!(by("email").as_deref(), Ok("user:alice@example.org"));
        assert!(by("upn").is_err(), "the `sub` of another user may be this one's e-mail address");
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let claims = json!({"sub": "f:1:alice", "exp": 1, "publish": ["user:f!3A1!3A*"], "channels": ["topic:a"]});
        let alice = read(&claims).unwrap();
        let kept = serde_json::to_string(&alice).unwrap();
        assert_eq!(serde_json::from_str::<Claims>(&kept).unwrap(), alice);
    }
}
