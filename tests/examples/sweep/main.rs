//! What a sweep costs beside a million notifications that are none of its business: `cargo bench-sweep`.
//!
//! It starts a local stack, fills the schedule with rows that are due days ahead and then with finished ones, and measures
//! sweeps that have ten notifications to hand on. The request units have to be the same each time, else it fails; the
//! times are this machine's.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod cost;
mod measure;
mod options;
mod report;
mod rows;
mod stack;
mod write;

use std::process::ExitCode;

use measure::Bench;
use options::Options;
use report::{Case, Report};
use rows::Kind;
use stack::Stack;

/// What is in the schedule, each beside what was there before.
fn cases(rows: u64) -> [(String, Option<(Kind, u64)>); 4] {
    // The second case fills up to this.
    let few = rows.min(10_000);
    let pending = report::grouped(rows);
    [
        ("nothing else".to_owned(), None),
        (format!("{} pending", report::grouped(few)), Some((Kind::Pending, few))),
        (format!("{pending} pending"), Some((Kind::Pending, rows - few))),
        (format!("{pending} pending, {pending} finished"), Some((Kind::Finished, rows))),
    ]
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
    let bench = Bench::start(Stack::start()).await;
    let mut report = Report::default();
    for (name, more) in cases(options.rows) {
        if let Some((kind, count)) = more {
            write::write(&bench.stack, kind, count).await;
        }
        eprintln!("measuring beside {name}");
        report.cases.push(Case { name, sweeps: bench.sweeps(options.sweeps).await });
    }
    println!("{report}");
    if report.is_flat() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
