//! The cost of a million notifications, in dollars: `cargo bench-cost`; and the cost of a flood: `cargo bench-cost --
//! --flood`.
//!
//! It starts a local stack with the real functions, queues and tables, counts what one notification of each usual shape
//! needs there, and prices it. Nobody has measured on AWS yet how long functions take there: what is paid by time follows from
//! assumptions, which stand under the table. It fails where something is not delivered once, or where a broadcast costs much
//! besides its posts.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod bill;
mod flood;
mod options;
mod others;
mod report;
mod shape;

use std::process::ExitCode;

use flood::Flood;
use report::Report;
use shape::Shape;
use tidings_tests::bench::cloud::Cloud;
use tidings_tests::bench::prices::Prices;

#[tokio::main]
async fn main() -> ExitCode {
    match options::flood() {
        Ok(false) => {}
        Ok(true) => {
            println!("{}", Flood::measure().await);
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    }
    let cloud = Cloud::start().await;
    let shapes = vec![
        Shape::now(&cloud, "one user", "user:one", 1).await,
        Shape::now(&cloud, "a topic of 100", "topic:hundred", 100).await,
        Shape::now(&cloud, "a broadcast to 10,000", "topic:all", 10_000).await,
        Shape::later(&cloud).await,
        Shape::polled(&cloud).await,
    ];
    let report = Report { shapes, prices: Prices::read() };
    println!("{report}");
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
