//! The cost of a sweep beside a million notifications that it has nothing to do with: `cargo bench-sweep`.
//!
//! It starts a local stack, fills the schedule with rows that are due days ahead and then with finished ones, and
//! measures sweeps that have ten notifications to queue. The request units have to be the same each time, else it
//! fails; the times are this machine's. With `--crowd` it measures how quickly a crowd for one millisecond is queued,
//! and how late the others behind it are.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod cost;
mod crowd;
mod measure;
mod options;
mod report;
mod rows;
mod write;

use std::process::ExitCode;

use measure::Bench;
use options::Options;
use report::{Case, Report};
use rows::Kind;
use tidings_tests::bench::number::grouped;
use tidings_tests::bench::stack::Stack;

/// The pending rows that there are before there are many.
const FEW: u64 = 10_000;

/// The rows in the schedule, and those to write for it besides the rows from the case before.
fn cases(rows: u64) -> Vec<(String, Kind, u64)> {
    // Fewer than that are no case of their own.
    let few = if rows > FEW { FEW } else { 0 };
    let many = grouped(rows);
    let mut cases = vec![("nothing else".to_owned(), Kind::Pending, 0)];
    if few > 0 {
        cases.push((format!("{} pending", grouped(few)), Kind::Pending, few));
    }
    cases.push((format!("{many} pending"), Kind::Pending, rows - few));
    cases.push((format!("{many} pending, {many} finished"), Kind::Finished, rows));
    cases
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let bench = Bench::start(Stack::start(&[])).await;
    if let Some(rows) = options.crowd {
        let crowd = crowd::measure(&bench, rows).await;
        println!("{crowd}");
        return if crowd.is_queued_once() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let mut report = Report::default();
    for (name, kind, more) in cases(options.rows) {
        write::write(&bench.stack, kind, more).await;
        eprintln!("measuring beside {name}");
        report.cases.push(Case { name, sweeps: bench.sweeps(options.sweeps).await });
    }
    println!("{report}");
    if report.is_flat() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
