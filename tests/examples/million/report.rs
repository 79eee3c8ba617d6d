//! The tables, and what was promised.

use std::fmt;

use crate::cost::dollars;
use crate::idle::Idle;
use crate::options::Options;
use crate::world::Outcome;
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::prices::Prices;

/// A process' turns lie at the edges of a second as they may: so much more than the rate may fall into one.
const SLACK: f64 = 1.02;

/// A short time that a notification takes to whomever, in seconds.
const OVERHEAD: f64 = 2.0;

/// A segment that waits for an empty quota is served again after so many times as long as the quota was empty: pauses
/// grow, and at least half of each is waited. After 70 s a worker that drew short pauses (1 + 5 + 15 + 30 s) is just
/// refused once more, and waits for up to 120 s.
const WAITS: f64 = 2.75;

/// The outcomes of all cases.
pub(crate) struct Report {
    pub(crate) options: Options,
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) idle: Idle,
}

impl Outcome {
    /// The least time for all posts, in seconds.
    fn at_best(&self) -> f64 {
        self.tally.posts as f64 / self.case.rate()
    }

    fn broken(&self) -> Vec<String> {
        let (case, tally) = (&self.case, &self.tally);
        let most = f64::from(case.posts_per_second) * SLACK + f64::from(case.share_concurrency);
        let waits = case.empty.as_secs_f64() * WAITS;
        let (last, longest) = (tally.last_post.as_secs_f64(), self.at_best() * case.factor + OVERHEAD + waits);
        let mut broken = Vec::new();
        if tally.left_out() + tally.dead as usize > 0 {
            broken.push(format!("{} were left out, {} shares given up", tally.left_out(), tally.dead));
        }
        if tally.time_ups > 0 {
            broken.push(format!("{} invocations ran out of time", tally.time_ups));
        }
        if tally.most_in_a_second as f64 > most {
            broken.push(format!("{} posts were tried within a second", tally.most_in_a_second));
        }
        if last > longest {
            broken.push(format!("the last post came after {last:.0} s, and should have after {longest:.0} s"));
        }
        broken.iter().map(|what| format!("{}: {what}", case.name)).collect()
    }

    fn times(&self) -> String {
        let (case, tally) = (&self.case, &self.tally);
        let told = tally.told_by(&[0.5, 0.99, 1.0]);
        format!(
            "| {} | {:.0} s | {:.0} s | {:.0} s | {:.0} s | {:.0} s | {} | {:.1} % | {:.1} % |",
            case.name,
            self.at_best(),
            tally.last_post.as_secs_f64(),
            told[0],
            told[1],
            told[2],
            grouped(tally.most_in_a_second as u64),
            self.others_refused * 100.0,
            self.pings_refused * 100.0,
        )
    }

    fn counts(&self) -> String {
        let tally = &self.tally;
        let (posts, rest) = dollars(tally);
        let counts = [
            tally.posts,
            tally.throttled,
            tally.queued,
            tally.stopped,
            tally.invocations,
            tally.time_ups,
            tally.messages,
            tally.read_units,
        ];
        let counts = counts.map(grouped).join(" | ");
        format!("| {} | {counts} | {posts:.2} + {rest:.2} |", self.case.name)
    }

    fn storm(&self) -> Option<String> {
        let at = self.case.storm?;
        let back = &self.tally.back;
        let before = back.iter().filter(|back| **back < at.as_secs_f32()).count();
        let last = back.iter().copied().fold(0.0, f32::max);
        let [before, gone, removed] = [before as u64, self.tally.gone, self.tally.removed].map(grouped);
        Some(format!("| {} | {} s | {before} | {gone} | {removed} | {last:.0} s |", self.case.name, at.as_secs()))
    }
}

impl Report {
    /// The promises that do not hold.
    pub(crate) fn broken(&self) -> Vec<String> {
        self.outcomes.iter().flat_map(Outcome::broken).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { connections, seed } = self.options;
        let prices = Prices::read().title();
        writeln!(f, "Simulated: {} connections, seed {seed}; prices of {prices}.\n", grouped(connections.into()))?;
        writeln!(
            f,
            "| case | at best | last post | half have it | 99 % | all | tries in a second | others refused | pings refused |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for outcome in &self.outcomes {
            writeln!(f, "{}", outcome.times())?;
        }
        writeln!(
            f,
            "\n| case | posts | 429s | queued singly | stopped | invocations | out of time | messages | read units | dollars |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for outcome in &self.outcomes {
            writeln!(f, "{}", outcome.counts())?;
        }
        writeln!(f, "\n| case | sent after | back by then | posts to nobody | their rows removed | all back |")?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- |")?;
        for storm in self.outcomes.iter().filter_map(Outcome::storm) {
            writeln!(f, "{storm}")?;
        }
        writeln!(f, "\n{}", self.idle)?;
        let pings = grouped(self.idle.pings_a_second(connections).round() as u64);
        writeln!(f, "{} of them ping {pings} times a second.", grouped(connections.into()))?;
        for broken in self.broken() {
            writeln!(f, "\nBROKEN: {broken}")?;
        }
        write!(f, "\npromises kept: {}", if self.broken().is_empty() { "yes" } else { "no" })
    }
}
