//! The commands, one a file. Each has its arguments and a `run`.

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tidings::token::{Claims, is_local, local_secret};

mod cancel;
mod channel;
mod endpoints;
mod listen;
mod notification;
mod send;
mod show;
mod token;
mod vapid;

/// An error that ends the program.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Sends notifications, and listens to them exactly once and in order.
#[derive(Debug, Parser)]
#[command(name = "tidings", version)]
pub(crate) struct Arguments {
    #[command(flatten)]
    stack: Stack,
    #[command(subcommand)]
    command: Command,
}

/// The stack, and the user.
#[derive(Debug, Args)]
struct Stack {
    /// Base address of the HTTP API (the stack's output HttpUrl).
    #[arg(long, global = true, env = "TIDINGS_HTTP", default_value = "http://127.0.0.1:3000")]
    http: String,
    /// Address of the WebSocket API (the stack's output WebSocketUrl).
    #[arg(long, global = true, env = "TIDINGS_WEBSOCKET", default_value = "ws://127.0.0.1:3001")]
    websocket: String,
    /// A token. Without one, the secret of this machine's local stacks signs one; a deployed stack refuses that.
    #[arg(long, global = true, env = "TIDINGS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Listen(listen::Listen),
    Send(Box<send::SendArguments>),
    Token(token::Token),
    Channel(channel::Channel),
    Notification(notification::Notification),
    Cancel(cancel::Cancel),
    Endpoints(endpoints::Endpoints),
    Vapid(vapid::Vapid),
}

impl Arguments {
    /// Runs the command.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Listen(listen) => listen.run(&self.stack).await,
            Command::Send(send) => send.run(&self.stack).await,
            Command::Token(token) => token.run(&self.stack),
            Command::Channel(channel) => channel.run(&self.stack).await,
            Command::Notification(notification) => notification.run(&self.stack).await,
            Command::Cancel(cancel) => cancel.run(&self.stack).await,
            Command::Endpoints(endpoints) => endpoints.run(&self.stack).await,
            Command::Vapid(vapid) => vapid.run(),
        }
    }
}

impl Stack {
    /// A client of the HTTP API: with the token that was given, else with `claims`, signed by the local secret.
    fn client(&self, claims: &Claims) -> Result<tidings::Client, Failure> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => {
                check_is_local(&self.http)?;
                claims.sign(&local_secret()?)?
            }
        };
        Ok(tidings::Client::new(&self.http, &token)?)
    }
}

fn check_is_local(url: &str) -> Result<(), Failure> {
    if is_local(url) {
        return Ok(());
    }
    Err(format!("{url} is not on this machine: set TIDINGS_TOKEN, or give --token (see `tidings token --help`)").into())
}

/// Prints a line at once. [`is_closed_pipe`] recognises the error of a reader that has gone.
fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Whether nobody reads the output any more (`tidings listen | head -1`), which is no failure.
pub(crate) fn is_closed_pipe(error: &Failure) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Reads `90s`, `15m`, `24h`, `7d`, or a number of seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("give a number and one of s, m, h, d".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "give a number and one of s, m, h, d".to_owned())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3_600)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for text in ["", "h", "1y", "-1s", "1h30m", "99999999999999999999h", "1é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_local_secret_signs_for_this_machine_only() {
        assert!(check_is_local("http://127.0.0.1:3000").is_ok());
        let told = check_is_local("https://api.example.org").unwrap_err().to_string();
        assert!(told.contains("TIDINGS_TOKEN"), "{told}");
    }
}
