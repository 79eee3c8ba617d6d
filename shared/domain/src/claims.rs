//! What a verified token says of its bearer.

use serde::{Deserialize, Deserializer, Serialize};

use super::channel::{Channel, Sub};
use super::pattern::Pattern;
use super::refusal::{Code, Refusal};
use super::time::Millis;

/// The most channels that a connection may join besides the user's own.
pub const MAX_CHANNELS: usize = 50;

/// The claims that Tidings reads. Others are left alone: identity providers add their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    pub sub: Sub,
    /// When the token ends, in seconds since 1970.
    #[serde(deserialize_with = "numeric_date")]
    pub exp: i64,
    /// What may be read besides the user's own channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subscribe: Vec<Pattern>,
    /// What may be sent to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Pattern>,
    /// What a connection joins at once besides the user's own channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<Channel>,
}

/// RFC 7519 allows a fraction of a second; it is cut off.
fn numeric_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    #[allow(clippy::cast_possible_truncation, reason = "the cast saturates, which is as good as never")]
    Ok(seconds.floor() as i64)
}

impl Claims {
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
        let reason = format!("this token may not read {channel}; its `subscribe` claim would have to name it");
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
        let reason = format!("this token may not send to {channel}; its `publish` claim would have to name it");
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
        let reason = "this token neither sent this notification nor may it send to all of its channels";
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
        let reason = format!("this token is neither {sub}'s nor may it send to user:{sub}");
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

    fn claims(extra: &serde_json::Value) -> Claims {
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

    #[test]
    fn an_end_with_a_fraction_counts_to_the_second() {
        let alice: Claims = serde_json::from_value(json!({"sub": "alice", "exp": 100.9})).unwrap();
        assert_eq!(alice.exp, 100);
    }

    #[test]
    fn a_sub_that_no_channel_could_be_named_after_is_refused() {
        assert!(serde_json::from_value::<Claims>(json!({"sub": "a b", "exp": 1})).is_err());
    }
}
