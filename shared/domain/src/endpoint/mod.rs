//! Endpoints: which attempt at them comes when, and what is made of what they answer. Their kinds are in `shared`.

pub mod attempt;
pub mod id;
pub mod lane;
pub mod request;
pub mod retry;

use serde::{Deserialize, Serialize};

use super::content::Priority;

/// The most endpoints that one owner has in one channel.
pub const MOST: u8 = 10;

/// Which notifications of its channel go to an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only those that matter this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_priority: Option<Priority>,
    /// Only those that no live connection took.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_when_offline: bool,
}

impl Filter {
    /// Whether a notification goes to the endpoint. `connections` have taken it.
    #[must_use]
    pub fn takes(self, priority: Priority, connections: usize) -> bool {
        let matters = self.min_priority.is_none_or(|least| priority >= least);
        matters && (connections == 0 || !self.only_when_offline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_enough_or_was_taken_is_left_out() {
        let all = Filter::default();
        assert!(all.takes(Priority::Low, 3));
        let high = Filter { min_priority: Some(Priority::High), only_when_offline: false };
        assert!(high.takes(Priority::High, 3) && !high.takes(Priority::Normal, 0));
        let offline = Filter { min_priority: Some(Priority::Normal), only_when_offline: true };
        assert!(offline.takes(Priority::Normal, 0));
        assert!(!offline.takes(Priority::High, 1) && !offline.takes(Priority::Low, 0));
    }
}
