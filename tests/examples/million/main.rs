//! The time that a notification takes to a million connections, and its cost: `cargo bench-million`.
//!
//! A simulation with a seed: the decisions (`shared/domain/src/segment.rs` and `backoff.rs`) are the deployed ones, everything
//! around them, from DynamoDB to API Gateway and its quotas, is assumed (`assumed.rs`). Nothing is measured. It fails if a
//! connection is left out, if the posts exceed their rate, or if they take much longer than that rate asks for.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod assumed;
mod audience;
mod bucket;
mod calendar;
mod case;
mod clients;
mod cost;
mod dice;
mod gateway;
mod idle;
mod options;
mod pings;
mod process;
mod queue;
mod report;
mod tally;
mod timing;
mod world;

use std::process::ExitCode;
use std::thread;

use idle::Idle;
use options::Options;
use report::Report;
use world::World;

fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let idle = Idle::month(options.seed);
    let pings = idle.pings_a_second(options.connections);
    let outcomes = thread::scope(|scope| {
        let simulate = |case| {
            let outcome = World::new(case, &options).run();
            eprintln!("{} is done", outcome.case.name);
            outcome
        };
        let runs: Vec<_> = case::all(pings).into_iter().map(|case| scope.spawn(move || simulate(case))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let report = Report { options, outcomes, idle };
    println!("{report}");
    if report.broken().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
