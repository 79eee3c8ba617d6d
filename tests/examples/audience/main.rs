//! The cost of one send, by the number of connections that listen: `cargo bench-audience`.
//!
//! It starts a local stack with the real functions, queue and tables, writes as many connections into the table as there
//! are to be, and sends one notification. One machine does not hold 100,000 sockets, so the functions post to a stand-in
//! for API Gateway's management API. Each connection has to be posted to exactly once, and what that costs has to grow in
//! line with the audience; else it fails. With `--gone`, a part of the audience has gone and is to be removed.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod line;
mod options;
mod report;

use std::process::ExitCode;

use options::Options;
use report::{Case, Report};
use tidings_tests::bench::cloud::{Cloud, notification};
use tidings_tests::bench::number::grouped;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    let cloud = Cloud::start().await;
    let mut report = Report::default();
    let mut channels = Vec::new();
    for connections in options.connections {
        let channel = format!("topic:of-{connections}");
        cloud.audience(&channel, connections).await;
        channels.push((connections, channel));
    }
    if options.gone > 0 {
        cloud.lose(options.gone).await;
    }
    for (connections, channel) in channels {
        let mut case = Case { connections, rows: vec![connections], rounds: Vec::new() };
        for round in 1..=options.rounds {
            eprintln!("sending to {} connections, round {round}", grouped(connections));
            case.rounds.push(cloud.spent_by(cloud.send(&notification(&channel))).await);
            case.rows.push(cloud.rows(&channel).await);
        }
        report.cases.push(case);
    }
    println!("{report}");
    if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
