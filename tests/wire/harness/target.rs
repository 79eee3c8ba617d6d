//! The target of the tests in `anywhere`: a local stack of their own, or a deployed bundle, which all of them share
//! with its other users.

use std::env::VarError;
use std::io::Write as _;
use std::ops::Deref;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::Value;

use super::bundle::Bundle;
use super::sdk::sdk;
use super::stack::Stack;

/// The addresses of a deployed bundle, and the secret that signs its tokens. `tests/README.md` describes these.
const HTTP: &str = "TIDINGS_HTTP";
const WEBSOCKET: &str = "TIDINGS_WEBSOCKET";
const SECRET: &str = "TIDINGS_SECRET";
/// The table *Subscribers*, which credentials and region in the environment open.
const SUBSCRIBERS: &str = "TIDINGS_SUBSCRIBERS_TABLE";
/// The ARN of the topic *Inbound*, likewise.
const INBOUND: &str = "TIDINGS_INBOUND_TOPIC";
/// The process whose children are the deployed functions, where that is an emulator.
const EMULATOR: &str = "TIDINGS_EMULATOR_PID";
/// A word in all names that the tests make up, so that they can be found again.
const MARK: &str = "TIDINGS_MARK";

/// A bundle to test.
pub(crate) enum Target {
    /// A local stack for this test alone.
    Local(Box<Stack>),
    /// A deployed bundle.
    Deployed(Box<Bundle>),
}

impl Deref for Target {
    type Target = Bundle;

    fn deref(&self) -> &Bundle {
        match self {
            Self::Local(stack) => stack,
            Self::Deployed(bundle) => bundle,
        }
    }
}

impl Target {
    /// The deployed bundle that the environment names, else a local stack.
    pub(crate) async fn start() -> Self {
        let Some(http) = setting(HTTP) else { return Self::Local(Box::new(Stack::start().await)) };
        let needed = |name| setting(name).unwrap_or_else(|| panic!("{HTTP} is set, but {name} is not"));
        Self::Deployed(Box::new(Bundle::at(&http, &needed(WEBSOCKET), &needed(SECRET), Some(mark()))))
    }

    /// The local stack, where it is one.
    pub(crate) fn stack(&self) -> Option<&Stack> {
        match self {
            Self::Local(stack) => Some(stack),
            Self::Deployed(_) => None,
        }
    }

    /// The table *Subscribers*, if it is known.
    pub(crate) async fn subscribers(&self) -> Option<(Client, String)> {
        let table = match self {
            Self::Local(stack) => stack.table("Subscribers").await,
            Self::Deployed(_) => setting(SUBSCRIBERS)?,
        };
        Some((Client::new(&self.aws().await), table))
    }

    /// The topic *Inbound*, if it is known.
    pub(crate) async fn inbound(&self) -> Option<(aws_sdk_sns::Client, String)> {
        Some(match self {
            Self::Local(stack) => stack.inbound().await,
            Self::Deployed(_) => (aws_sdk_sns::Client::new(&self.aws().await), setting(INBOUND)?),
        })
    }

    /// The SDK's configuration for its operator, who reaches the services behind it.
    async fn aws(&self) -> SdkConfig {
        match self {
            Self::Local(stack) => stack.sdk().await,
            Self::Deployed(_) => sdk().load().await,
        }
    }

    /// Says aloud that a test has tried nothing.
    #[allow(clippy::unused_self, reason = "what is missing is this target's")]
    pub(crate) fn skip(&self, why: &str) {
        let test = std::thread::current();
        // Not `eprintln!`, whose text a passing test keeps to itself.
        let line = format!("\nSKIPPED {}: {why}\n", test.name().unwrap_or_default());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }

    /// Ends all processes of a function, whatever they do just now; `None` where nobody can.
    pub(crate) async fn crash(&self, function: &str) -> Option<()> {
        let processes = match self {
            Self::Local(stack) => processes_of_stack(stack, function).await,
            Self::Deployed(_) => processes_below(&setting(EMULATOR)?, function)?,
        };
        for process in processes {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
        Some(())
    }
}

fn setting(name: &str) -> Option<String> {
    match std::env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The run's word, and one for each test.
fn mark() -> String {
    format!("{}.{:08x}", setting(MARK).unwrap_or_else(|| "test".to_owned()), rand::random::<u32>())
}

async fn processes_of_stack(stack: &Stack, function: &str) -> Vec<i32> {
    let processes = stack.control(Method::GET, "processes", None).await;
    let of = |process: &&Value| process["function"] == function;
    processes.as_array().unwrap().iter().filter(of).filter_map(|p| i32::try_from(p["pid"].as_i64()?).ok()).collect()
}

/// The children of a process that run a function, by its logical name; `None` where the system does not tell.
fn processes_below(parent: &str, function: &str) -> Option<Vec<i32>> {
    let children = std::fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let folder = entry.ok()?.path();
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let is_child = status.lines().any(|line| line.strip_prefix("PPid:").is_some_and(|id| id.trim() == parent));
        let environment = std::fs::read_to_string(folder.join("environ")).ok().filter(|_| is_child)?;
        let name = environment.split('\0').find_map(|line| line.strip_prefix("AWS_LAMBDA_FUNCTION_NAME="))?;
        // CloudFormation names a function STACK-LOGICAL-RANDOM.
        let is_function = name.split('-').any(|part| part == function);
        folder.file_name()?.to_str()?.parse().ok().filter(|_| is_function)
    });
    Some(children.collect())
}
