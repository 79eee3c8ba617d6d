//! Who posts.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::mock::{Mock, Transport};
use crate::worker::Worker;
use tidings_tests::bench::cpu::{self, on_core};

/// A worker is to be measured, not held back: posts a second, for one.
const UNPACED: (u32, u32) = (1_000_000, 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    Floor,
    Tidings,
    Sdk,
    Node,
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Floor => "unsigned",
            Self::Tidings => "Tidings",
            Self::Sdk => "SDK for Rust",
            Self::Node => "SDK for Node.js",
        })
    }
}

/// The cost of one round of posts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Since the process was started.
    pub(crate) peak_memory_kib: u64,
    /// Connections that were opened in this round.
    pub(crate) opened: u64,
}

pub(crate) enum Running {
    Worker(Worker),
    Client { process: Child, orders: ChildStdin, answers: Lines<BufReader<ChildStdout>> },
}

impl Contender {
    pub(crate) const ALL: [Self; 4] = [Self::Floor, Self::Tidings, Self::Sdk, Self::Node];

    /// Where what Node.js runs is.
    pub(crate) fn node_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/posts/node")
    }

    /// Starts a process that waits for orders.
    pub(crate) async fn start(self, binaries: &Path, mock: &Mock, transport: Transport) -> Running {
        if self == Self::Tidings {
            return Running::Worker(Worker::start(binaries, mock, transport, UNPACED).await);
        }
        let mut command = if self == Self::Node {
            let mut command = on_core(1, "node".as_ref());
            command.arg(Self::node_folder().join("post.mjs")).env("NODE_EXTRA_CA_CERTS", mock.certificate());
            command
        } else {
            let mut command = on_core(1, &std::env::current_exe().unwrap());
            command.arg(if self == Self::Sdk { "sdk" } else { "floor" });
            command
        };
        let mut process = command
            .arg(mock.management(transport))
            .env("SSL_CERT_FILE", mock.certificate())
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "t".repeat(400))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let orders = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap()).lines();
        assert_eq!(answers.next_line().await.unwrap().as_deref(), Some("ready"));
        Running::Client { process, orders, answers }
    }
}

impl Running {
    /// Has all recipients be posted to once. A post that was not taken is a failure of the bench.
    pub(crate) async fn round(&mut self, mock: &Mock, recipients: usize) -> Measured {
        let pid = match self {
            Self::Worker(worker) => worker.process.id().unwrap(),
            Self::Client { process, .. } => process.id().unwrap(),
        };
        let before = mock.seen().await;
        let (cpu, began) = (cpu::time(pid), Instant::now());
        match self {
            Self::Worker(worker) => worker.serve(mock).await,
            Self::Client { orders, answers, .. } => {
                orders.write_all(format!("{recipients}\n").as_bytes()).await.unwrap();
                let done = answers.next_line().await.unwrap().unwrap();
                assert_eq!(done, "done", "some posts failed");
            }
        }
        let wall = began.elapsed();
        let cpu = cpu::time(pid).saturating_sub(cpu);
        let after = mock.seen().await;
        assert_eq!(after["taken"], recipients, "{after}");
        let grown = |name: &str| after[name].as_u64().unwrap() - before[name].as_u64().unwrap();
        assert_eq!(grown("posts") - grown("throttled"), recipients as u64, "each is posted to once: {after}");
        if matches!(self, Self::Worker(_)) {
            assert_eq!(grown("signed"), grown("posts"), "all are signed: {after}");
        }
        Measured { cpu, wall, peak_memory_kib: cpu::peak_memory(pid), opened: grown("opened") }
    }
}
