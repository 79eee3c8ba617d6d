//! The simulated cases.

use std::time::Duration;

use crate::assumed::REMOVALS;

/// A deployment, its account, and what goes on there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The account's quota of requests a second, and the burst.
    pub(crate) quota: (f64, f64),
    /// Requests a second of the quota that are others'.
    pub(crate) others: f64,
    /// The pings of all clients together, a second.
    pub(crate) pings: f64,
    /// The template's parameters.
    pub(crate) posts_per_second: u32,
    pub(crate) share_concurrency: u32,
    pub(crate) requests_per_second: f64,
    /// After what time the notification is sent, if all connections are lost at the beginning.
    pub(crate) storm: Option<Duration>,
    /// The time for which nothing is left of the quota, from the beginning.
    pub(crate) empty: Duration,
    /// No more than so many times what the rate, and the quota that is left, ask for may pass until the last post.
    pub(crate) factor: f64,
}

const LARGE: (f64, f64) = (10_000.0, 5_000.0);
const SMALL: (f64, f64) = (2_500.0, 1_250.0);

const QUIET: Case = Case {
    name: "quiet",
    quota: LARGE,
    others: 0.0,
    pings: 0.0,
    posts_per_second: 2_000,
    share_concurrency: 10,
    requests_per_second: 1_000.0,
    storm: None,
    empty: Duration::ZERO,
    factor: 1.25,
};

/// All cases. Clients that are connected ping so many times a second; those that come back do not yet.
pub(crate) fn all(pings: f64) -> Vec<Case> {
    let storm = Case { storm: Some(Duration::from_secs(1_000)), factor: 1.5, ..QUIET };
    let connected = Case { pings, ..QUIET };
    vec![
        connected,
        Case { name: "`PostsPerSecond` 8,000", posts_per_second: 8_000, ..connected },
        Case { name: "a small Region", quota: SMALL, ..connected },
        Case { name: "others use 80 %", others: 8_000.0, factor: 1.5, ..connected },
        Case { name: "a small Region, others use 40 %", quota: SMALL, others: 1_000.0, factor: 2.0, ..connected },
        Case { name: "nothing is left for 70 s", empty: Duration::from_secs(70), ..connected },
        Case { name: "nothing is left for 20 min", empty: Duration::from_secs(1_200), ..connected },
        Case { name: "a reconnect storm", ..storm },
        Case { name: "a reconnect storm, `RequestsPerSecond` 5,000", requests_per_second: 5_000.0, ..storm },
    ]
}

impl Case {
    /// The most posts a second that there can be.
    pub(crate) fn rate(&self) -> f64 {
        let pings = self.pings.min(self.requests_per_second);
        f64::from(self.posts_per_second).min(self.quota.0 - self.others - pings)
    }

    /// The time that one process leaves between two posts, as `shared/src/settings.rs` has it.
    pub(crate) fn interval(&self) -> Duration {
        Duration::from_secs(self.share_concurrency.into()) / self.posts_per_second
    }

    /// The time that one process leaves between two removals.
    pub(crate) fn removals(&self) -> Duration {
        Duration::from_secs(self.share_concurrency.into()) / REMOVALS
    }
}
