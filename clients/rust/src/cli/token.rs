//! `tidings token`.

use std::time::Duration;

use clap::Args;
use tidings::Channel;
use tidings::token::{Claims, LOCAL_SECRET};

use super::{Failure, duration, print};

/// Prints a token.
///
/// It is signed with the secret in the environment variable TIDINGS_SECRET, else with the local stack's public one. A
/// deployed stack's secret is its output TokenSecretArn; whoever may read it may mint:
///
///   TIDINGS_SECRET=$(aws secretsmanager get-secret-value --secret-id ARN --query SecretString --output text)
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Token {
    /// The user.
    #[arg(long)]
    sub: String,
    /// A channel, or a prefix that ends in *, that the user may send to.
    #[arg(long, value_name = "PATTERN")]
    publish: Vec<String>,
    /// A channel, or a prefix that ends in *, that the user may read besides user:<sub>.
    #[arg(long, value_name = "PATTERN")]
    subscribe: Vec<String>,
    /// A channel that a connection joins at once. It must be one that the user may read.
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<Channel>,
    /// How long the token is good for.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires: Duration,
    /// Signs the token.
    #[arg(long, env = "TIDINGS_SECRET", hide = true, hide_env_values = true)]
    secret: Option<String>,
}

impl Token {
    /// Prints it.
    pub(super) fn run(self) -> Result<(), Failure> {
        // No other user has a channel.
        Channel::inbox(&self.sub)?;
        if self.secret.as_ref().is_some_and(String::is_empty) {
            return Err("TIDINGS_SECRET is empty: whatever should have filled it has failed".into());
        }
        let Self { publish, subscribe, channels, .. } = self;
        let claims = Claims { publish, subscribe, channels, ..Claims::new(&self.sub, self.expires) };
        Ok(print(&claims.sign(self.secret.as_deref().unwrap_or(LOCAL_SECRET))?)?)
    }
}
