//! The time that each function takes from its process' start to its first request for work, and through its first
//! invocation: `cargo bench-startup`.
//!
//! Each runs on its own event, against the tables and queues of a local stack, plain and over TLS; beside them a function that
//! does nothing, and one for Node.js with the same clients. Times are this machine's: compare them within one run.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod function;
mod options;
mod report;
mod tls;
mod world;

use std::process::ExitCode;

use function::Function;
use report::Report;
use world::World;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let rounds = match options::rounds() {
        Ok(rounds) => rounds,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let world = World::start().await;
    let functions = Function::all(&world);
    let mut report = Report::of(&functions);
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        for (place, function) in functions.iter().enumerate() {
            // Who comes second finds more of it in the machine's caches.
            let first = round % 2 == 0;
            for over_tls in [first, !first] {
                let start = function.start(&world, over_tls).await;
                // The first reads each binary from the disk.
                if round > 0 {
                    report.add(place, over_tls, start);
                }
            }
        }
    }
    println!("{report}");
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
