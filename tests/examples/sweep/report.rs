//! The table, and whether it is flat.

use std::fmt;
use std::time::Duration;

use crate::cost::{Cost, Swept};

/// Sweeps beside the same rows.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) sweeps: Vec<Swept>,
}

impl Case {
    /// The cost of each sweep, if all cost the same.
    fn cost(&self) -> Option<Cost> {
        let (first, others) = self.sweeps.split_first()?;
        others.iter().all(|swept| swept.cost == first.cost).then_some(first.cost)
    }

    fn median(&self) -> Duration {
        let mut times: Vec<Duration> = self.sweeps.iter().map(|swept| swept.time).collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    fn line(&self, first: Duration) -> String {
        let cost = self.cost().map_or_else(
            || "| differ | differ | differ ".to_owned(),
            |cost| format!("| {} | {} | {} ", cost.requests, cost.read_units, cost.write_units),
        );
        let (seconds, ratio) = (self.median().as_secs_f64(), self.median().as_secs_f64() / first.as_secs_f64());
        format!("| {} {cost}| {:.1} ms | {ratio:.2} |", self.name, seconds * 1000.0)
    }
}

/// All cases; the first is what the others are compared with.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) cases: Vec<Case>,
}

impl Report {
    /// Whether a sweep costs the same whatever else is in the schedule.
    pub(crate) fn is_flat(&self) -> bool {
        let first = self.cases[0].cost();
        first.is_some() && self.cases.iter().all(|case| case.cost() == first)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sweeps = self.cases[0].sweeps.len();
        writeln!(f, "A sweep with 10 notifications to hand on; times are the median of {sweeps}, in a debug build.\n")?;
        writeln!(f, "| beside | requests | read units | write units | time | to the first |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for case in &self.cases {
            writeln!(f, "{}", case.line(self.cases[0].median()))?;
        }
        write!(f, "\nflat: {}", if self.is_flat() { "yes" } else { "no" })
    }
}
