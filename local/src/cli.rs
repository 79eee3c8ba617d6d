use std::path::PathBuf;

use clap::Parser;

/// Runs the project's SAM template on this machine: its functions as real processes, its HTTP and WebSocket APIs,
/// its tables, secrets, queues, topics and schedules.
#[derive(Debug, Parser)]
#[command(name = "cargo local", version)]
pub struct Options {
    /// Port of the HTTP API; 0 takes a free one.
    #[arg(long, default_value_t = 3000, value_name = "PORT")]
    pub http_port: u16,
    /// Port of the WebSocket API and its @connections management API; 0 takes a free one.
    #[arg(long, default_value_t = 3001, value_name = "PORT")]
    pub websocket_port: u16,
    /// Port of the AWS API (DynamoDB, Secrets Manager, SQS, SNS, SES) and of the control API under /_local; 0 takes a free one.
    #[arg(long, default_value_t = 8000, value_name = "PORT")]
    pub aws_port: u16,
    /// Keep tables, secrets, queues, push endpoints and asynchronous events in this folder across restarts; without it they live in memory.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Set a template parameter, over what samconfig.toml's `local` environment says. May be repeated.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub parameters: Vec<(String, String)>,
    /// Use this template, from the current folder or the nearest one above that has it.
    #[arg(long, default_value = "template.yaml", value_name = "FILE")]
    pub template: PathBuf,
    /// Print one line of JSON with the addresses when ready, and nothing else, on standard output.
    #[arg(long)]
    pub json: bool,
    /// Run the function binaries without building them first.
    #[arg(long)]
    pub no_build: bool,
    /// Build the functions, and run them, in release mode.
    #[arg(long)]
    pub release: bool,
    /// Run at most this many processes of one function, unless its queues' MaximumConcurrency asks for more; further invocations
    /// wait for one of them.
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_processes: u32,
    /// Close a WebSocket after this long without a message.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    pub idle_seconds: u64,
    /// Close a WebSocket that has been open for this long.
    #[arg(long, default_value_t = 7200, value_name = "SECONDS")]
    pub connection_seconds: u64,
    /// Arm a fault from the start, in the form that the control API takes: {"on": "invoke.Send", "do": {"kill": true}}. May be
    /// repeated.
    #[arg(long = "fault", value_name = "JSON")]
    pub faults: Vec<String>,
    /// Seed the faults that fire by chance; without it each run differs.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Have the functions' clock set by POST /_local/clock; LIBRARY is libfaketime.so.1, which some systems put into
    /// /usr/lib/*/faketime.
    #[arg(long, value_name = "LIBRARY")]
    pub faketime: Option<PathBuf>,
}

fn parse_parameter(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected NAME=VALUE".to_owned())
}
