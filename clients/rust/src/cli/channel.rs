//! `tidings channel`.

use std::time::Duration;

use clap::Args;
use tidings::ChannelState;
use tidings::token::Claims;

use super::{Failure, Stack, print, show};

const TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Shows a channel: its newest and oldest seq, who is subscribed, and what is unread.
#[derive(Debug, Args)]
pub(super) struct Channel {
    /// The channel.
    name: tidings::Channel,
    /// Print the answer in JSON.
    #[arg(long)]
    json: bool,
}

impl Channel {
    /// Looks, and prints.
    pub(super) async fn run(self, stack: &Stack) -> Result<(), Failure> {
        let mut claims = Claims::new("tidings-cli", TOKEN_LIFETIME);
        claims.subscribe = vec!["*".to_owned(), "user:*".to_owned()];
        let state = stack.client(&claims)?.channel(&self.name).await?;
        if self.json {
            return Ok(print(&serde_json::to_string(&state)?)?);
        }
        Ok(print(&table(&state))?)
    }
}

fn table(state: &ChannelState) -> String {
    let rows = [
        ("newest", Some(state.seq)),
        ("oldest", state.oldest),
        ("connections", Some(state.connections)),
        ("endpoints", Some(state.endpoints)),
        ("unread", state.unread),
    ];
    let rows = rows.map(|(name, number)| (name, number.map(|number| number.to_string())));
    show::table(state.channel.as_str(), rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_shown_number_by_number() {
        let state = r#"{"channel": "topic:a", "seq": 42, "oldest": 7, "connections": 2, "endpoints": 1}"#;
        let shown = table(&serde_json::from_str(state).unwrap());
        let expected =
            "topic:a\n  newest       42\n  oldest       7\n  connections  2\n  endpoints    1\n  unread       –";
        assert_eq!(shown, expected);
    }
}
