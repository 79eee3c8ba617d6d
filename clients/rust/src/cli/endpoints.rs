//! `tidings endpoints`.

mod add;
mod shown;

use std::time::Duration;

use clap::{Args, Subcommand};
use tidings::token::Claims;
use tidings::{Channel, Client, Endpoint};

use super::{Failure, Stack, print, show};

/// A long replay takes many calls.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Manages the endpoints of a channel: webhooks, browsers, phones and mailboxes that get its notifications.
///
/// You see the endpoints that you have added, and all of them where you may send to the channel.
#[derive(Debug, Args)]
pub(super) struct Endpoints {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists a channel's endpoints.
    List {
        /// The channel.
        channel: Channel,
        /// Print the answers in JSON, one endpoint a line.
        #[arg(long)]
        json: bool,
    },
    Add(Box<add::Add>),
    /// Shows an endpoint, with the results of the last attempts to reach it.
    Show(One),
    /// Removes an endpoint. Its pending deliveries are dropped.
    Remove(Address),
    /// Gives a webhook a new secret, and prints it, this once. The one before counts for 24 hours more.
    Rotate(One),
    Replay(Replay),
}

/// The endpoint.
#[derive(Debug, Args)]
struct Address {
    /// The channel.
    channel: Channel,
    /// The endpoint's id, as `tidings endpoints add` printed it.
    id: String,
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    address: Address,
    /// Print the answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Sends what is in the channel's log from a seq on to an endpoint again. One that was disabled is enabled with it.
#[derive(Debug, Args)]
struct Replay {
    #[command(flatten)]
    address: Address,
    /// The seq of the first notification that is to go there again.
    #[arg(long, value_name = "SEQ")]
    from: u64,
    /// Print the answers in JSON, one a line: each call sends up to 1,000.
    #[arg(long)]
    json: bool,
}

impl Endpoints {
    /// Does what the command line says.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        match self.command {
            Command::List { channel, json } => list(stack, &channel, json).await,
            Command::Add(add) => add.run(stack).await,
            Command::Show(One { address: Address { channel, id }, json }) => {
                print_one(&client(stack, &channel)?.endpoint(&channel, &id).await?, json)
            }
            Command::Remove(Address { channel, id }) => {
                client(stack, &channel)?.remove_endpoint(&channel, &id).await?;
                Ok(print(&show::on_one_line(&format!("{id} removed")))?)
            }
            Command::Rotate(One { address: Address { channel, id }, json }) => {
                print_one(&client(stack, &channel)?.rotate_endpoint(&channel, &id).await?, json)
            }
            Command::Replay(replay) => replay.run(stack).await,
        }
    }
}

async fn list(stack: &Stack, channel: &Channel, json: bool) -> Result<(), Failure> {
    for endpoint in client(stack, channel)?.endpoints(channel).await? {
        print(&if json { serde_json::to_string(&endpoint)? } else { shown::line(&endpoint) })?;
    }
    Ok(())
}

impl Replay {
    /// Goes on until the log ends.
    async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let Address { channel, id } = &self.address;
        let client = client(stack, channel)?;
        let (mut from, mut queued, mut began) = (self.from, 0, self.from);
        loop {
            let replayed = client.replay_endpoint(channel, id, from).await?;
            queued += replayed.queued;
            if from == self.from {
                began = replayed.from.unwrap_or(from);
            }
            if self.json {
                print(&serde_json::to_string(&replayed)?)?;
            }
            if !replayed.more {
                break;
            }
            if replayed.seq < from {
                return Err(format!("the answer goes back from #{from} to #{}", replayed.seq).into());
            }
            from = replayed.seq + 1;
        }
        if !self.json {
            print(&format!("{queued} sent again"))?;
            if began > self.from {
                eprintln!("The endpoint was added after what came before #{began}, which is not sent again.");
            }
        }
        Ok(())
    }
}

fn print_one(endpoint: &Endpoint, json: bool) -> Result<(), Failure> {
    print(&if json { serde_json::to_string(endpoint)? } else { shown::table(endpoint) })?;
    if endpoint.secret.is_some() {
        eprintln!("Keep the secret: it is not shown again.");
    }
    Ok(())
}

/// On the local stack the token is the inbox's owner's, so that the owner gets a notification when one of these
/// endpoints is disabled.
fn client(stack: &Stack, channel: &Channel) -> Result<Client, Failure> {
    let mut claims = Claims::new(channel.sub().as_deref().unwrap_or("tidings-cli"), TOKEN_LIFETIME);
    claims.publish = vec!["*".to_owned()];
    stack.client(&claims)
}
