//! The messages to phones and addresses, for people and tests to look at. None of them leaves this machine.

mod page;
mod sent;

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

pub(crate) use self::sent::{Kind, OutboxMessage, Platform};

/// The messages that are kept at most.
const KEPT: usize = 10_000;

/// The last messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox(Mutex<VecDeque<OutboxMessage>>);

impl Outbox {
    /// Adds a message, and drops the oldest one above the limit.
    pub(crate) fn put(&self, sent: OutboxMessage) {
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

    /// Drops everything.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// A page for people, the newest first.
    pub(crate) fn page(&self) -> String {
        page::page(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<OutboxMessage>> {
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
            outbox.put(OutboxMessage::now(Kind::Sms, number.to_string(), "+15550100".to_owned(), "hello".to_owned()));
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
