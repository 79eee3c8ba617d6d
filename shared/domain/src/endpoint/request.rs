//! Requests about endpoints.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Filter;
use crate::content::Priority;
use crate::refusal::Refusal;
use crate::request;
use crate::seq::Seq;

/// A request to add an endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Add {
    /// Which kind.
    pub kind: String,
    /// The kind's own fields.
    pub target: Map<String, Value>,
    /// Which notifications are to go there.
    pub filter: Filter,
}

/// The fields that all kinds have.
#[derive(Deserialize)]
struct Common {
    kind: String,
    min_priority: Option<Priority>,
    only_when_offline: Option<bool>,
}

impl Add {
    /// Reads a request's fields.
    ///
    /// # Errors
    /// Names the field that is wrong.
    pub fn parse(mut fields: Map<String, Value>) -> Result<Self, Refusal> {
        let common = ["kind", "min_priority", "only_when_offline"];
        let common = common.into_iter().filter_map(|name| fields.remove_entry(name)).collect::<Map<_, _>>();
        let Common { kind, min_priority, only_when_offline } = request::fields(common)?;
        let filter = Filter { min_priority, only_when_offline: only_when_offline.unwrap_or_default() };
        Ok(Self { kind, target: fields, filter })
    }
}

/// A request to send things again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The first notification that is sent again.
    seq: Seq,
}

impl ReplayRequest {
    /// The first that is sent again.
    #[must_use]
    pub fn first(self) -> Seq {
        self.seq
    }

    /// The same, but only of what came after a place in the log.
    #[must_use]
    pub fn behind(self, after: Seq) -> Self {
        Self { seq: self.seq.max(after.next()) }
    }

    /// The place before the first.
    #[must_use]
    pub fn before(self) -> Seq {
        Seq(self.seq.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Add, Refusal> {
        Add::parse(value.as_object().unwrap().clone())
    }

    #[test]
    fn what_all_kinds_have_is_parted_from_what_one_has() {
        let add = parse(&json!({"kind": "webhook", "url": "https://a.example/", "min_priority": "high"})).unwrap();
        assert_eq!(add.kind, "webhook");
        assert_eq!(Value::Object(add.target), json!({"url": "https://a.example/"}));
        assert_eq!(add.filter, Filter { min_priority: Some(Priority::High), only_when_offline: false });
    }

    #[test]
    fn a_replay_goes_back_to_a_place_and_no_further() {
        let from = |seq| ReplayRequest { seq: Seq(seq) };
        for (asked, first) in [(0, 42), (1, 42), (41, 42), (42, 42), (43, 43)] {
            assert_eq!(from(asked).behind(Seq(41)), from(first), "{asked}");
        }
        assert_eq!(from(0).behind(Seq::ZERO).before(), Seq::ZERO, "a log that was empty is replayed from its first on");
    }

    #[test]
    fn every_refusal_names_its_field() {
        for (request, field) in [
            (json!({"url": "https://a.example/"}), "kind"),
            (json!({"kind": 7}), "kind"),
            (json!({"kind": "webhook", "min_priority": "urgent"}), "min_priority"),
            (json!({"kind": "webhook", "only_when_offline": "yes"}), "only_when_offline"),
        ] {
            assert_eq!(parse(&request).unwrap_err().field.as_deref(), Some(field), "{request}");
        }
    }
}
