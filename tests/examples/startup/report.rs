//! The table.

use std::fmt;
use std::time::Duration;

use crate::function::{Cost, Function, Kind, Start};

/// The promises: to the first request for work, beside the bare function; and until the first event is answered, the
/// time that TLS adds.
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

fn wall_to_ready(starts: &[Start]) -> f64 {
    median(starts.iter().map(|start| ms(start.ready.wall)))
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
    /// Half of what lies between the quartiles, in per cent of the median.
    fn noise(&self) -> f64 {
        let mut walls: Vec<f64> = self.plain.iter().map(|start| ms(start.ready.wall)).collect();
        walls.sort_by(f64::total_cmp);
        50.0 * (walls[walls.len() * 3 / 4] - walls[walls.len() / 4]) / walls[walls.len() / 2]
    }

    /// To the end of the first event: some have been to AWS before they ask for work.
    fn tls_adds(&self, of: fn(&Cost) -> Duration) -> f64 {
        let whole = |starts: &[Start]| median(starts.iter().map(|start| ms(of(&start.ready) + of(&start.first))));
        whole(&self.tls) - whole(&self.plain)
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

    /// Plain and over TLS, how long a row takes beside the bare function, which reaches nobody.
    fn beside_bare(&self, row: &Row) -> [f64; 2] {
        let bare = self.rows.iter().find(|row| row.kind == Kind::Bare).unwrap();
        let bare = wall_to_ready(&[bare.plain.as_slice(), &bare.tls].concat());
        [&row.plain, &row.tls].map(|starts| wall_to_ready(starts) / bare)
    }

    /// The promises that do not hold.
    fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for row in self.rows.iter().filter(|row| matches!(row.kind, Kind::Ours(_))) {
            let [beside, _] = self.beside_bare(row);
            if beside > MOST_BESIDE_BARE {
                broken.push(format!("{} takes {beside:.2} × as long as the bare function to ask for work", row.kind));
            }
            let tls = row.tls_adds(|cost| cost.wall);
            if tls > MOST_FOR_TLS {
                broken.push(format!("TLS adds {tls:.1} ms until {} has answered its first event", row.kind));
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
            "| function | zipped | asks for work after | noise | beside bare | over TLS | its CPU | first event | TLS adds | of it CPU | memory |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for row in &self.rows {
            let [plain, tls] = self.beside_bare(row);
            let zipped =
                row.zipped.map_or_else(|| "–".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1048576.0));
            writeln!(
                f,
                "| {} | {zipped} | {:.1} ms | ± {:.0} % | {plain:.2} × | {tls:.2} × | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {} MiB |",
                row.kind,
                wall_to_ready(&row.plain),
                row.noise(),
                median(row.plain.iter().map(|start| ms(start.ready.cpu))),
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
