//! What was sent to phones and addresses, for people and tests to look at: nothing of it leaves this machine.

mod page;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// So many are kept.
const KEPT: usize = 10_000;

/// How something was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// To a platform endpoint.
    MobilePush,
    /// To a phone number.
    Sms,
    /// To an e-mail address.
    Email,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::MobilePush => "mobile_push",
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// The platform that a push goes to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Platform {
    /// Such as `APNS` or `GCM`.
    pub(crate) name: String,
    /// The platform application's name.
    pub(crate) application: String,
    /// What the platform knows the device by.
    pub(crate) token: String,
}

/// Something that was sent.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    /// When, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// How.
    pub(crate) kind: Kind,
    /// What its sender was answered.
    pub(crate) message_id: String,
    /// An endpoint's ARN, a phone number, or addresses with commas between them.
    pub(crate) destination: String,
    /// Which platform, if it is a push.
    pub(crate) platform: Option<Platform>,
    /// Who an e-mail is from.
    pub(crate) from: Option<String>,
    /// What it is about.
    pub(crate) subject: Option<String>,
    /// What it says there: what the message has for this platform, or an e-mail's text.
    pub(crate) message: String,
    /// What an e-mail says in HTML.
    pub(crate) html: Option<String>,
    /// What its sender says about it: attributes, or an e-mail's headers.
    pub(crate) attributes: Map<String, Value>,
    /// The request that it came with.
    pub(crate) request: Value,
}

impl Sent {
    /// Something that is sent now, and says nothing yet but this.
    pub(crate) fn now(kind: Kind, message_id: String, destination: String, message: String) -> Self {
        Self {
            at_ms: Timestamp::now().as_millisecond(),
            kind,
            message_id,
            destination,
            platform: None,
            from: None,
            subject: None,
            message,
            html: None,
            attributes: Map::new(),
            request: Value::Null,
        }
    }
}

/// The last that were sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<VecDeque<Sent>>);

impl Outbox {
    /// Notes that something was sent, and forgets the oldest if there are too many.
    pub(crate) fn put(&self, sent: Sent) {
        let mut all = self.lock();
        if all.len() == KEPT {
            all.pop_front();
        }
        all.push_back(sent);
    }

    /// Everything that is kept, in order, for the control API.
    pub(crate) fn describe(&self) -> Value {
        json!(*self.lock())
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// A page for people, the newest first.
    pub(crate) fn page(&self) -> String {
        page::page(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let outbox = Outbox::default();
        for number in 0..=KEPT {
            outbox.put(Sent::now(Kind::Sms, number.to_string(), "+15550100".to_owned(), "hello".to_owned()));
        }
        let kept = outbox.describe();
        assert_eq!(kept.as_array().map(Vec::len), Some(KEPT));
        assert_eq!((&kept[0]["message_id"], &kept[0]["kind"]), (&json!("1"), &json!("sms")));
        outbox.clear();
        assert_eq!(outbox.describe(), json!([]));
    }

    #[test]
    fn a_kind_has_one_word() {
        for kind in [Kind::MobilePush, Kind::Sms, Kind::Email] {
            assert_eq!(json!(kind), kind.word());
        }
    }
}
