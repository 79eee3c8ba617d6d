//! Runs a SAM template's functions, APIs and data stores on one machine.

use std::{pin::pin, process::ExitCode};

use clap::Parser;
use tidings_local::{Machine, Options, StartError};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    // The engine warns of every condition that does not hold, which is an ordinary answer.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the stack until a signal asks for its end.
async fn run(options: Options) -> Result<(), StartError> {
    let as_json = options.json;
    let mut stop = pin!(stop_signal());
    let machine = tokio::select! {
        started = Machine::start(options) => started?,
        () = stop.as_mut() => return Ok(()),
    };
    machine.announce(as_json);
    stop.await;
    machine.stop().await;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM.
async fn stop_signal() {
    // If the signal cannot be waited for, the system still ends the process.
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
