//! The cost of a post to a connection: `cargo bench-posts`.
//!
//! One mock of the management API, in a process and on a core of its own; on another core, one at a time: the function
//! `share` as it is deployed, the AWS SDK for Rust, the AWS SDK for Node.js as everybody uses it, and a client that
//! signs nothing. Each posts the same 1 KB to the same connections. Costs are this machine's: compare them within one
//! run.
#![allow(clippy::unwrap_used, reason = "panicking is how it fails")]

mod clients;
mod contender;
mod mock;
mod options;
mod report;
mod rows;
mod worker;

use std::path::PathBuf;
use std::process::ExitCode;

use contender::{Contender, Measured, Running};
use mock::{Mock, Transport};
use options::{Options, Role};
use report::{Case, Report};
use tidings_tests::bench::{build, runtime};
use worker::Worker;

/// A worker's pace with the template's defaults: posts a second, for so many workers.
const PACED: (u32, u32) = (2_000, 10);

/// The measurements, in order. Each contender first posts cold, from a process that was just started, and then warm.
fn cases(options: &Options) -> Vec<(Transport, u64, usize)> {
    let mut cases = Vec::new();
    for transport in [Transport::Plain, Transport::Tls1, Transport::Tls2] {
        for delay_ms in [0, 10] {
            for recipients in &options.recipients {
                cases.push((transport, delay_ms, *recipients));
            }
        }
    }
    cases
}

/// The part that all measurements have in common.
struct Bench<'a> {
    options: &'a Options,
    binaries: PathBuf,
    mock: Mock,
    contenders: Vec<Contender>,
}

impl Bench<'_> {
    async fn run(&self) -> Report {
        let mut report = Report::default();
        for (transport, delay_ms, recipients) in cases(self.options) {
            for contender in &self.contenders {
                report.add(self.measure(*contender, transport, delay_ms, recipients).await);
            }
        }
        // One in a hundred is answered 429, beside none.
        for throttled in [false, true] {
            report.throttling(self.measure_paced(throttled).await);
        }
        report
    }

    async fn measure(&self, contender: Contender, transport: Transport, delay_ms: u64, recipients: usize) -> Case {
        eprintln!("{contender}, {transport}, {delay_ms} ms, {recipients} recipients");
        self.mock.set(recipients, delay_ms, false).await;
        let running = contender.start(&self.binaries, &self.mock, transport).await;
        let rounds = self.rounds(running, delay_ms, recipients, false).await;
        Case { contender, transport, delay_ms, recipients, throttled: false, rounds }
    }

    /// At the pace of a worker with the template's defaults, which slows down where posts are refused.
    async fn measure_paced(&self, throttled: bool) -> Case {
        eprintln!("{}, paced, 1 % throttled: {throttled}", Contender::Tidings);
        let (transport, delay_ms, recipients) = (Transport::Plain, 10, 2_000);
        self.mock.set(recipients, delay_ms, throttled).await;
        let worker = Worker::start(&self.binaries, &self.mock, transport, PACED).await;
        let rounds = self.rounds(Running::Worker(worker), delay_ms, recipients, throttled).await;
        Case { contender: Contender::Tidings, transport, delay_ms, recipients, throttled, rounds }
    }

    async fn rounds(&self, mut running: Running, delay_ms: u64, recipients: usize, throttled: bool) -> Vec<Measured> {
        let mut rounds = Vec::new();
        for _ in 0..=self.options.rounds {
            // So that it has to be seen anew that each has got it.
            self.mock.set(recipients, delay_ms, throttled).await;
            rounds.push(running.round(&self.mock, recipients).await);
        }
        rounds
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match options::role() {
        Ok(Role::Mock) => mock::serve().await,
        Ok(Role::Client { sdk, url }) => clients::run(sdk, &url).await,
        Ok(Role::Bench(options)) => {
            let binaries = build::build(&["--package", "share"]);
            let mut contenders = Contender::ALL.to_vec();
            if !runtime::has_node(&Contender::node_folder()) {
                contenders.retain(|contender| *contender != Contender::Node);
            }
            let report = Bench { options: &options, binaries, mock: Mock::start().await, contenders }.run().await;
            println!("{report}");
            if !report.holds() {
                return ExitCode::FAILURE;
            }
        }
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
