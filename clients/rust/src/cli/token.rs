//! `tidings token`.

use std::env::VarError;
use std::time::Duration;

use clap::Args;
use tidings::Channel;
use tidings::token::{Claims, is_local, local_secret};

use super::{Failure, Stack, duration, print};

const SECRET: &str = "TIDINGS_SECRET";

/// Prints a token.
///
/// It is signed with the secret in the environment variable TIDINGS_SECRET, else with that of this machine's local
/// stacks. The output TokenSecretArn names a deployed stack's secret; permission to read it is permission to mint:
///
///   export TIDINGS_SECRET="$(aws secretsmanager get-secret-value --secret-id ARN --query SecretString --output text)"
///   tidings token --sub alice
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Token {
    /// The user.
    #[arg(long)]
    sub: String,
    /// A channel, or a prefix that ends in *, that the user may send to.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    publish: Vec<String>,
    /// A channel, or a prefix that ends in *, that the user may read besides user:<sub>.
    #[arg(long, value_name = "PATTERN", value_parser = pattern)]
    subscribe: Vec<String>,
    /// A channel that a connection joins at once. It must be one that the user may read.
    #[arg(long = "channel", value_name = "CHANNEL")]
    channels: Vec<Channel>,
    /// The time until the token expires.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration)]
    expires: Duration,
}

impl Token {
    /// Prints it.
    pub(super) fn run(self, stack: &Stack) -> Result<(), Failure> {
        // No other user has a channel.
        Channel::inbox(&self.sub)?;
        let secret = match secret()? {
            Some(secret) => secret,
            None => {
                if !is_local(&stack.http) {
                    let http = &stack.http;
                    eprintln!("tidings: {SECRET} is not set: {http} refuses this token, which is the local stack's");
                }
                local_secret()?
            }
        };
        let Self { publish, subscribe, channels, .. } = self;
        let claims = Claims { publish, subscribe, channels, ..Claims::new(&self.sub, self.expires) };
        Ok(print(&claims.sign(&secret)?)?)
    }
}

/// A token with a pattern that is none would be refused whole.
fn pattern(text: &str) -> Result<String, String> {
    match text.strip_suffix('*') {
        Some(prefix) if !prefix.contains('*') => Ok(text.to_owned()),
        _ => match text.parse::<Channel>() {
            Ok(channel) => Ok(channel.to_string()),
            Err(error) => Err(format!("give a channel, or a prefix that ends in its only *: {error}")),
        },
    }
}

/// Of the environment only: other users of the machine see command lines.
fn secret() -> Result<Option<String>, Failure> {
    match std::env::var(SECRET) {
        Ok(secret) if secret.is_empty() => {
            Err(format!("{SECRET} is empty: whatever should have filled it has failed").into())
        }
        Ok(secret) => Ok(Some(secret)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("{SECRET} is not text in UTF-8").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_pattern_is_a_channel_or_a_prefix_with_one_star_at_its_end() {
        for good in ["*", "topic:*", "user:alice", "t*"] {
            assert_eq!(pattern(good).as_deref(), Ok(good));
        }
        for bad in ["", "a*b", "**", "topic", "topic:a b"] {
            assert!(pattern(bad).is_err(), "{bad}");
        }
    }
}
