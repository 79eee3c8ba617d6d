//! The table.

use std::fmt;
use std::time::Duration;

use crate::function::{Cost, Function, Kind, Start};

/// What is promised: to the first request for work, beside the bare function; and of the first invocation, what TLS adds.
const MOST_BESIDE_BARE: f64 = 2.0;
const MOST_FOR_TLS: f64 = 10.0;

struct Row {
    kind: Kind,
    zipped: Option<usize>,
    plain: Vec<Start>,
    tls: Vec<Start>,
}

pub(crate) struct Report {
    rows: Vec<Row>,
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Row {
    /// However it is to reach AWS: it has not done so by then.
    fn ready(&self, of: fn(&Cost) -> Duration) -> impl Iterator<Item = f64> {
        self.plain.iter().chain(&self.tls).map(move |start| ms(of(&start.ready)))
    }

    fn wall_to_ready(&self) -> f64 {
        median(self.ready(|cost| cost.wall))
    }

    /// Half of what lies between the quartiles, in per cent of the median.
    fn noise(&self) -> f64 {
        let mut walls: Vec<f64> = self.ready(|cost| cost.wall).collect();
        walls.sort_by(f64::total_cmp);
        50.0 * (walls[walls.len() * 3 / 4] - walls[walls.len() / 4]) / walls[walls.len() / 2]
    }

    fn tls_adds(&self, of: fn(&Cost) -> Duration) -> f64 {
        let first = |starts: &[Start]| median(starts.iter().map(|start| ms(of(&start.first))));
        first(&self.tls) - first(&self.plain)
    }

    fn memory(&self) -> u64 {
        self.plain.iter().chain(&self.tls).map(|start| start.memory_kib).max().unwrap()
    }
}

impl Report {
    pub(crate) fn of(functions: &[Function]) -> Self {
        let row = |function: &Function| {
            let (kind, zipped) = (function.kind.clone(), function.zipped);
            Row { kind, zipped, plain: Vec::new(), tls: Vec::new() }
        };
        Self { rows: functions.iter().map(row).collect() }
    }

    pub(crate) fn add(&mut self, place: usize, over_tls: bool, start: Start) {
        let row = &mut self.rows[place];
        if over_tls { row.tls.push(start) } else { row.plain.push(start) }
    }

    fn bare(&self) -> f64 {
        self.rows.iter().find(|row| row.kind == Kind::Bare).unwrap().wall_to_ready()
    }

    /// What does not hold of what is promised.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for row in self.rows.iter().filter(|row| matches!(row.kind, Kind::Ours(_))) {
            let beside = row.wall_to_ready() / self.bare();
            if beside > MOST_BESIDE_BARE {
                broken.push(format!("{} takes {beside:.2} × as long as the bare function to ask for work", row.kind));
            }
            let tls = row.tls_adds(|cost| cost.wall);
            if tls > MOST_FOR_TLS {
                broken.push(format!("TLS adds {tls:.1} ms to the first invocation of {}", row.kind));
            }
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
            "| function | zipped | asks for work after | noise | beside bare | its CPU | first event | over TLS | TLS's CPU | memory |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            let zipped =
                row.zipped.map_or_else(|| "–".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1048576.0));
            writeln!(
                f,
                "| {} | {zipped} | {:.1} ms | ± {:.0} % | {:.2} × | {:.1} ms | {:.1} ms | + {:.1} ms | {:.1} ms | {} MiB |",
                row.kind,
                row.wall_to_ready(),
                row.noise(),
                row.wall_to_ready() / self.bare(),
                median(row.ready(|cost| cost.cpu)),
                median(row.plain.iter().map(|start| ms(start.first.wall))),
                row.tls_adds(|cost| cost.wall),
                row.tls_adds(|cost| cost.cpu),
                row.memory() / 1024,
            )?;
        }
        for broken in self.broken() {
            writeln!(f, "\nNOT AS PROMISED: {broken}")?;
        }
        Ok(())
    }
}
