//! The table.

use std::fmt;
use std::time::Duration;

use crate::contender::{Contender, Measured};
use crate::mock::Transport;

/// The promises, beside the floor and others of the same run. The extra cost of Node.js is counted from the floor: the
/// floor is the cost of kernel and HTTP for everybody, and where that is much, nobody can be 30 × below Node.js in all.
const MOST_OVER_FLOOR: f64 = 1.3 * 9.0 / 5.0;
const LEAST_UNDER_NODE: f64 = 30.0;
const MOST_CONNECTIONS: u64 = 64;
const MOST_MEMORY: f64 = 1.5;
const MOST_THROTTLED: f64 = 4.0 / 3.0;

pub(crate) struct Case {
    pub(crate) contender: Contender,
    pub(crate) transport: Transport,
    pub(crate) delay_ms: u64,
    pub(crate) recipients: usize,
    pub(crate) throttled: bool,
    /// The first is cold.
    pub(crate) rounds: Vec<Measured>,
}

#[derive(Default)]
pub(crate) struct Report {
    cases: Vec<Case>,
    /// Without and with some posts throttled.
    throttling: Vec<Case>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Case {
    fn per_post(&self, of: Duration) -> f64 {
        of.as_secs_f64() * 1e6 / self.recipients as f64
    }

    fn cold(&self) -> f64 {
        self.per_post(self.rounds[0].cpu)
    }

    fn warm(&self) -> Vec<f64> {
        self.rounds[1..].iter().map(|round| self.per_post(round.cpu)).collect()
    }

    fn wall(&self) -> f64 {
        median(self.rounds[1..].iter().map(|round| round.wall.as_secs_f64()).collect())
    }

    /// Half of what lies between the least and the most, in per cent of the median.
    fn noise(&self) -> f64 {
        let warm = self.warm();
        let (least, most) = warm.iter().fold((f64::MAX, 0_f64), |(a, b), n| (a.min(*n), b.max(*n)));
        50.0 * (most - least) / median(warm)
    }

    fn memory(&self) -> u64 {
        self.rounds.iter().map(|round| round.peak_memory_kib).max().unwrap()
    }

    fn opened(&self) -> u64 {
        self.rounds.iter().map(|round| round.opened).sum()
    }
}

impl Report {
    pub(crate) fn add(&mut self, case: Case) {
        self.cases.push(case);
    }

    /// First without, then with some posts throttled.
    pub(crate) fn throttling(&mut self, case: Case) {
        self.throttling.push(case);
    }

    fn same(&self, case: &Case, contender: Contender) -> Option<&Case> {
        self.cases.iter().find(|other| {
            other.contender == contender
                && (other.transport, other.delay_ms, other.recipients)
                    == (case.transport, case.delay_ms, case.recipients)
        })
    }

    /// The promises that do not hold.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for case in self.cases.iter().filter(|case| case.contender == Contender::Tidings) {
            let name = format!("{}, {} ms, {}", case.transport, case.delay_ms, case.recipients);
            let cost = median(case.warm());
            let of = |contender| self.same(case, contender).map(|other| median(other.warm()));
            let Some(floor) = of(Contender::Floor) else { continue };
            if cost > MOST_OVER_FLOOR * floor {
                broken.push(format!("{name}: {cost:.1} µs, {:.2} × the unsigned {floor:.1} µs", cost / floor));
            }
            if let Some(node) = of(Contender::Node)
                && node - floor < LEAST_UNDER_NODE * (cost - floor)
            {
                let times = (node - floor) / (cost - floor);
                broken.push(format!("{name}: beside the unsigned client Node.js costs {times:.0} × as much only"));
            }
            if case.opened() > MOST_CONNECTIONS {
                broken.push(format!("{name}: {} connections were opened", case.opened()));
            }
        }
        let ours = || self.cases.iter().filter(|case| case.contender == Contender::Tidings);
        let (least, most) = ours().fold((u64::MAX, 0), |(a, b), case| (a.min(case.memory()), b.max(case.memory())));
        if most as f64 > MOST_MEMORY * least as f64 {
            broken.push(format!("memory grows from {least} to {most} KiB"));
        }
        if let [all_taken, throttled] = self.throttling.as_slice()
            && throttled.wall() > MOST_THROTTLED * all_taken.wall()
        {
            broken.push(format!("1 % of 429s: {:.2} × the time", throttled.wall() / all_taken.wall()));
        }
        broken
    }

    pub(crate) fn holds(&self) -> bool {
        self.broken().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| client | transport | answers after | recipients | CPU a post, warm | noise | cold | posts/s | memory | connections |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        let paced = self.throttling.iter().map(|case| (", paced", case));
        for (paced, case) in self.cases.iter().map(|case| ("", case)).chain(paced) {
            let throttled = if case.throttled { ", 1 % 429" } else { "" };
            writeln!(
                f,
                "| {}{paced}{throttled} | {} | {} ms | {} | {:.1} µs | ± {:.0} % | {:.1} µs | {:.0} | {:.0} MiB | {} |",
                case.contender,
                case.transport,
                case.delay_ms,
                case.recipients,
                median(case.warm()),
                case.noise(),
                case.cold(),
                case.recipients as f64 / case.wall(),
                case.memory() as f64 / 1024.0,
                case.opened(),
            )?;
        }
        if !self.cases.iter().any(|case| case.contender == Contender::Node) {
            writeln!(
                f,
                "\nNOT CHECKED: how much more Node.js costs, since npm could not install what is to be measured of it"
            )?;
        }
        for broken in self.broken() {
            writeln!(f, "\nNOT AS PROMISED: {broken}")?;
        }
        Ok(())
    }
}
