//! What a million notifications cost, in dollars: `cargo bench-cost`; and what a flood costs: `cargo bench-cost -- --flood`.
//!
//! It starts a local stack with the real functions, queues and tables, counts what one notification of each usual shape
//! needs there, and prices it. Nobody has measured on AWS yet how long functions take there: what is paid by time follows from
//! assumptions, which stand under the table. It fails where something is not delivered once, or where a broadcast costs much
//! besides its posts.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

#[path = "../common/batch.rs"]
mod batch;
mod bill;
#[path = "../common/build.rs"]
mod build;
#[path = "../common/cloud.rs"]
mod cloud;
mod flood;
#[path = "../common/gateway.rs"]
mod gateway;
#[path = "../common/number.rs"]
mod number;
mod options;
mod others;
#[path = "../common/prices.rs"]
mod prices;
mod report;
mod shape;
#[path = "../common/spent.rs"]
mod spent;
#[path = "../common/stack.rs"]
mod stack;
#[path = "../common/subscribers.rs"]
mod subscribers;
#[path = "../common/template.rs"]
mod template;

use std::process::ExitCode;

use cloud::Cloud;
use flood::Flood;
use prices::Prices;
use report::Report;
use shape::Shape;

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
